/** A connection to RabbitMQ that is made again whenever it is lost. */
import { type ChannelModel, connect } from 'amqplib';
import type { Config } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { reachability } from '../process/reachability.ts';
import { tlsConnectOptions } from '../process/tls.ts';
import { PublishError } from './errors.ts';
import { tellRefusals } from './handshake.ts';

const HEARTBEAT_SECONDS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** What AMQP 0-9-1 lets each side take at the least (4.2.3). */
const FRAME_MIN_BYTES = 4_096;
const RECOVERY = { initialDelay: 100, maxDelay: 5_000, factor: 2, jitter: 0.5 };

/** The most bytes of a frame, as both sides agreed. */
export const frameMaxOf = (model: ChannelModel | undefined): number => {
  const connection = model?.connection ?? {};
  const agreed = 'frameMax' in connection ? Number(connection.frameMax) : 0;
  return Math.max(FRAME_MIN_BYTES, agreed || 0);
};

type Server = Pick<Config['rabbitmq'], 'protocol' | 'hostname' | 'port' | 'username' | 'password' | 'tls'>;

/** @param name how the broker's own tools name the connection */
const howTo = ({ protocol, hostname, port, username, password, tls }: Server, name: string) => {
  tellRefusals();
  return {
    url: { protocol, hostname, port, username, password, heartbeat: HEARTBEAT_SECONDS },
    options: {
      timeout: CONNECT_TIMEOUT_MS,
      noDelay: true,
      ...(tls && tlsConnectOptions(tls, hostname)),
      clientProperties: { connection_name: `orders: ${name}` },
    },
  };
};

/**
 * Runs `work` on a connection that does not come back once it is lost.
 * @throws PublishError where the broker is not reached, and whatever `work` throws
 */
export const onConnection = async <T>(
  server: Server,
  name: string,
  work: (model: ChannelModel) => Promise<T>,
): Promise<T> => {
  const { url, options } = howTo(server, name);
  const model = await connect(url, options).catch((error: unknown) => {
    throw new PublishError('refused', `RabbitMQ does not answer at ${server.hostname}:${server.port}.`, {
      cause: error,
    });
  });
  // The error reaches the caller through the promise of the call that failed.
  model.on('error', () => {});
  try {
    return await work(model);
  } finally {
    await withDeadline(model.close(), CLOSE_TIMEOUT_MS).catch(() => {});
  }
};

/**
 * Opens the connection in the background.
 * @param name how the observer and the broker's own tools name it
 * @param setup runs on each new connection before it is used; if it rejects, the connection is closed and another tried
 * @param lost is called when a connection is gone, and each time that none can be made
 */
export const openConnection = async (
  server: Server,
  observer: Observer,
  name: string,
  { setup, lost }: { setup: (model: ChannelModel) => Promise<void>; lost: () => void },
) => {
  const { url, options } = howTo(server, name);
  const reach = reachability(observer, name);
  let current: ChannelModel | undefined;
  const connection = await connect(url, {
    ...options,
    recovery: {
      ...RECOVERY,
      waitForConnect: false,
      setup: async (model: ChannelModel) => {
        current = model;
        // Before `setup` is done nobody else listens, and an 'error' without a listener ends the process.
        // What happened is told by 'connect-failed' and 'disconnect'.
        model.on('error', () => {});
        // amqplib does not notice either if the connection closes before `setup` is done.
        let closed: Error | undefined;
        model.on('close', (error?: Error) => {
          closed = error ?? new Error('The connection closed while it was set up.');
        });
        try {
          await setup(model);
          if (closed) throw closed;
        } catch (error) {
          // The reason why the connection closed says more than the error of the call that was under way.
          const cause = closed ?? error;
          // Closed here with a deadline: amqplib closes it as well, but without one.
          await withDeadline(model.close(), CLOSE_TIMEOUT_MS).catch(() => {});
          throw cause;
        }
      },
    },
  });
  const gone = (error: Error) => {
    lost();
    reach.down(error);
  };
  connection.on('connect', reach.up);
  connection.on('disconnect', gone);
  connection.on('connect-failed', gone);
  connection.on('error', () => {});

  return {
    /**
     * Calls `changed` with a reason when the broker reads nothing more from connections that publish, as it is short of
     * memory or disk, and with undefined when that is over.
     */
    onBlocked: (changed: (reason: string | undefined) => void): void => {
      connection.on('blocked', changed);
      connection.on('unblocked', () => changed(undefined));
    },

    /** Closes the connection, so that a new one is made. */
    reconnect: (): void => {
      current?.close().catch(() => {});
    },

    /** Closes the connection for good. Waits for a broker that does not answer for two seconds at the most. */
    close: async (): Promise<void> => {
      await withDeadline(connection.close(), CLOSE_TIMEOUT_MS).catch(() => {});
    },
  };
};
