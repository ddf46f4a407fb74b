/**
 * Publishing to RabbitMQ. All that depends on the connection (topology, the confirm channel) is made anew each
 * time; until that is done, publishing fails at once.
 */
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import type { Config } from '../config.ts';
import { withDeadline } from '../deadline.ts';
import type { Log } from '../log.ts';
import { openConnection } from './connection.ts';
import { answerOf, confirmingPublisher, type Properties, PublishError } from './publisher.ts';
import { assertTopology, DELAYS_MS, onChannel, retryQueue } from './topology.ts';

const WATCH_INTERVAL_MS = 1_000;
/**
 * How long a queue that was deleted stays away: RabbitMQ 3.10 makes one that is declared again at once from what is
 * left of the old one, and its consumers' acknowledgements have no effect.
 */
const DECLARE_PAUSE_MS = 3_000;

interface Live {
  model: ChannelModel;
  publish: ReturnType<typeof confirmingPublisher>;
  confirms: ConfirmChannel;
  /** For questions: an error closes their channel, which must not take confirms with it. */
  questions: Channel;
}

/** Opens the connection in the background. */
export const openBroker = async (config: Config['rabbitmq'], log: Log) => {
  const { queue, publishTimeoutMs, maxBacklog } = config;
  let live: Live | undefined;
  let blocked = false;
  let overfull = false;
  let reached = () => {};
  const firstReached = new Promise<void>((resolve) => {
    reached = resolve;
  });

  const setup = async (model: ChannelModel) => {
    await assertTopology(model, log, config);
    const confirms = await model.createConfirmChannel();
    const questions = await model.createChannel();
    for (const channel of [confirms, questions]) {
      channel.on('error', (error) => log.warn({ reason: error.message }, 'a RabbitMQ channel failed'));
      // A channel closed by an error does not take its connection with it: begin again as a whole.
      channel.on('close', () => {
        if (live?.confirms === confirms) live = undefined;
        setTimeout(() => model.close().catch(() => {}), DECLARE_PAUSE_MS).unref();
      });
    }
    // That the queue of jobs is gone the watch finds out; of the others nobody asks.
    let declaring = false;
    confirms.on('return', ({ fields }) => {
      if (declaring || fields.routingKey === queue) return;
      declaring = true;
      setTimeout(() => {
        void assertTopology(model, log, config)
          .catch(() => {})
          .finally(() => {
            declaring = false;
          });
      }, DECLARE_PAUSE_MS).unref();
    });
    blocked = false;
    live = { model, publish: confirmingPublisher(confirms, publishTimeoutMs), confirms, questions };
    reached();
  };
  const connection = await openConnection(config, log, 'RabbitMQ', {
    setup,
    lost: () => {
      live = undefined;
    },
  });
  connection.onBlocked((reason) => {
    blocked = reason !== undefined;
    log.warn({ reason }, blocked ? 'RabbitMQ takes no messages for now' : 'RabbitMQ takes messages again');
  });

  /** A connection that is blocked is not read from either: a question on it would wait as long as the alarm. */
  const connected = (): Live => {
    if (!live) throw new PublishError('refused', 'RabbitMQ is not connected.');
    if (blocked) throw new PublishError('refused', 'RabbitMQ takes no messages for now.');
    return live;
  };

  /** Also finds out that the queue is gone: the question then closes its channel, and all is declared anew. */
  const watchBacklog = async () => {
    const { messageCount } = await connected().questions.checkQueue(queue);
    const before = overfull;
    overfull = maxBacklog > 0 && messageCount > maxBacklog;
    if (overfull !== before)
      log.warn({ waiting: messageCount }, overfull ? 'too many jobs wait' : 'the backlog has shrunk');
  };
  let watching = false;
  const watcher = setInterval(() => {
    if (watching) return;
    watching = true;
    void watchBacklog()
      .catch(() => {})
      .finally(() => {
        watching = false;
      });
  }, WATCH_INTERVAL_MS).unref();

  /** @throws PublishError at once where the broker is away or takes nothing, or when no confirm comes in time */
  const publish = async (to: string, body: Buffer, properties: Properties): Promise<void> => {
    await connected().publish(to, body, properties);
  };

  return {
    queue,

    /** Resolves once the broker was reached for the first time, or after so many milliseconds. */
    reachedWithin: (ms: number): Promise<void> => withDeadline(firstReached, ms).catch(() => {}),

    /** Puts a message on a queue and waits until the broker has it on disk. @throws PublishError */
    publish,

    /** Puts a new job on its queue, unless too many wait there. @throws PublishError */
    accept: async (body: Buffer, properties: Properties): Promise<void> => {
      if (overfull) throw new PublishError('overfull', 'Too many jobs wait.');
      await publish(queue, body, properties);
    },

    /** One round trip. @throws where the broker is away */
    ping: async (): Promise<void> => {
      await answerOf(connected().questions.checkExchange('amq.direct'));
    },

    /** Removes the jobs that wait, also for another try. @throws PublishError */
    purge: async (): Promise<void> => {
      const { questions } = connected();
      for (const name of [queue, ...DELAYS_MS.map((delay) => retryQueue(queue, delay))])
        await answerOf(questions.purgeQueue(name));
    },

    /**
     * Runs `work` on a channel of its own; what it took and did not acknowledge goes back in its place.
     * @throws PublishError where the broker is away, and whatever `work` throws
     */
    withChannel: async <T>(work: (channel: Channel) => Promise<T>): Promise<T> =>
      onChannel(connected().model, work),

    close: async (): Promise<void> => {
      clearInterval(watcher);
      await connection.close();
    },
  };
};
export type Broker = Awaited<ReturnType<typeof openBroker>>;
