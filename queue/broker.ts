/**
 * The connection to RabbitMQ, which comes back by itself. All that depends on it (topology, the confirm channel,
 * a subscription) is made anew in `setup` each time; until that is done, publishing fails at once.
 */
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import type { Config } from '../config.ts';
import { withDeadline } from '../deadline.ts';
import { type Log, reachability } from '../log.ts';
import { confirmingPublisher, type Properties, PublishError } from './publisher.ts';
import { assertTopology, RETRY_DELAYS_MS, retryQueue } from './topology.ts';

const HEARTBEAT_SECONDS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 2_000;
const RECOVERY = { initialDelay: 100, maxDelay: 5_000, factor: 2, jitter: 0.5 };

interface Live {
  model: ChannelModel;
  channel: ConfirmChannel;
  publish: ReturnType<typeof confirmingPublisher>;
}

/**
 * Opens the connection in the background.
 * @param onReady runs after each (re)connection, once queues exist and publishing works; where it rejects, the
 *   connection is tried again
 */
export const openBroker = async (
  { queue, publishTimeoutMs, ...server }: Config['rabbitmq'],
  log: Log,
  onReady: (model: ChannelModel) => Promise<void> = async () => {},
) => {
  const reach = reachability(log, 'RabbitMQ');
  let live: Live | undefined;
  let blocked = false;

  const setup = async (model: ChannelModel) => {
    // Before `setup` is done nobody else listens, and an 'error' without a listener ends the process. What
    // happened is told by 'connect-failed' and 'disconnect'.
    model.on('error', () => {});
    await assertTopology(model, log, queue);
    const channel = await model.createConfirmChannel();
    channel.on('error', (error) => log.warn({ reason: error.message }, 'a RabbitMQ channel failed'));
    // A channel closed by an error does not take its connection with it: begin again as a whole.
    channel.on('close', () => {
      if (live?.channel === channel) live = undefined;
      model.close().catch(() => {});
    });
    live = { model, channel, publish: confirmingPublisher(channel, publishTimeoutMs) };
    await onReady(model);
  };

  const connection = await connect(
    { ...server, heartbeat: HEARTBEAT_SECONDS },
    {
      timeout: CONNECT_TIMEOUT_MS,
      noDelay: true,
      clientProperties: { connection_name: 'orders' },
      recovery: { ...RECOVERY, setup, waitForConnect: false },
    },
  );
  connection.on('connect', () => {
    blocked = false;
    reach.up();
  });
  connection.on('disconnect', (error) => {
    live = undefined;
    reach.down(error);
  });
  connection.on('connect-failed', (error) => {
    live = undefined;
    reach.down(error);
  });
  connection.on('error', () => {});
  connection.on('blocked', (reason) => {
    blocked = true;
    log.warn({ reason }, 'RabbitMQ takes no messages for now');
  });
  connection.on('unblocked', () => {
    blocked = false;
    log.info('RabbitMQ takes messages again');
  });

  const connected = (): Live => {
    if (!live) throw new PublishError('refused', 'RabbitMQ is not connected.');
    return live;
  };

  return {
    queue,

    /**
     * Puts a message on a queue and waits until the broker has it on disk.
     * @throws PublishError at once where the broker is away or takes nothing, or when no confirm comes in time
     */
    publish: async (to: string, body: Buffer, properties: Properties): Promise<void> => {
      if (blocked) throw new PublishError('refused', 'RabbitMQ takes no messages for now.');
      await connected().publish(to, body, properties);
    },

    /** One round trip. @throws where the broker is away */
    ping: async (): Promise<void> => {
      await connected().channel.checkExchange('amq.direct');
    },

    /** Removes the jobs that wait, also for another try. */
    purge: async (): Promise<void> => {
      const { channel } = connected();
      for (const name of [queue, ...RETRY_DELAYS_MS.map((delay) => retryQueue(queue, delay))])
        await channel.purgeQueue(name);
    },

    /** Begins again with a new connection, as when a subscription ended. */
    reconnect: (): void => {
      live?.model.close().catch(() => {});
    },

    close: async (): Promise<void> => {
      // A broker that does not answer must not keep the process from ending.
      await withDeadline(connection.close(), CLOSE_TIMEOUT_MS).catch(() => {});
    },
  };
};
export type Broker = Awaited<ReturnType<typeof openBroker>>;
