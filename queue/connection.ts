/** A connection to RabbitMQ that is made again whenever it is lost, each time with the next of its hosts. */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { type ChannelModel, connect } from 'amqplib';
import { brokerAddress, type Config, hostAndPort } from '../process/config.ts';
import { withDeadline } from '../process/deadline.ts';
import { jittered } from '../process/jitter.ts';
import type { Observer } from '../process/observer.ts';
import { reachability } from '../process/reachability.ts';
import type { Login } from '../process/renewal.ts';
import { tlsConnectOptions } from '../process/tls.ts';
import { createExplainer, explainUnreached } from '../process/tls-probe.ts';
import { type Peer, TlsRefusal } from '../process/tls-refusals.ts';
import { codeOf, PublishError, reasonOf } from './errors.ts';
import { tellRefusals } from './handshake.ts';
import { loggedIn, loginOf } from './login.ts';
import { socketOf, watchPulse } from './pulse.ts';
import { writeTogether } from './turns.ts';

const HEARTBEAT_SECONDS = 10;
/** How long a host may be silent while it is connected to; less as long as there are others that were not tried yet. */
const CONNECT_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_OF_MANY_MS = 2_000;
/**
 * How long the setup of a connection may take. RabbitMQ asks the leader of a quorum queue for 30 s before it asks the
 * next node whether a consumer may have jobs.
 */
const SETUP_TIMEOUT_MS = 45_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** What AMQP 0-9-1 lets each side take at the least (4.2.3). */
const FRAME_MIN_BYTES = 4_096;
/** The pause before another host is tried. When all have been tried in vain it doubles each time. */
const PAUSE_MS = 100;
const PAUSE_MAX_MS = 5_000;

/** The most bytes of a frame, as both sides agreed. */
export const frameMaxOf = (model: ChannelModel | undefined): number => {
  const connection = model?.connection ?? {};
  const agreed = 'frameMax' in connection ? Number(connection.frameMax) : 0;
  return Math.max(FRAME_MIN_BYTES, agreed || 0);
};

export type Server = Pick<
  Config['rabbitmq'],
  'protocol' | 'hosts' | 'username' | 'password' | 'vhost' | 'tls' | 'renewal'
>;
type Host = Server['hosts'][number];

const peerOf = ({ tls }: Server, { hostname: host, port }: Host): Peer => ({ prefix: 'MQ', host, port, tls });

/**
 * How amqplib connects to a host now.
 * @param name how the broker's own tools name the connection
 * @param timeout milliseconds for which the host may be silent meanwhile
 */
const howToConnect = (
  { protocol, username, password, vhost, tls, renewal }: Server,
  { hostname, port }: Host,
  name: string,
  timeout = CONNECT_TIMEOUT_MS,
) => ({
  // amqplib decodes the virtual host, as if it came from a URL.
  url: {
    protocol,
    hostname,
    port,
    ...(renewal ? loginOf(renewal) : { username, password }),
    vhost: encodeURIComponent(vhost),
    heartbeat: HEARTBEAT_SECONDS,
  },
  options: {
    timeout,
    noDelay: true,
    ...(tls && tlsConnectOptions(tls, hostname)),
    clientProperties: { connection_name: `orders: ${name}` },
  },
});

/** @throws Error with the broker's own reason where it has given one */
const open = async (server: Server, host: Host, name: string, timeout: number): Promise<ChannelModel> => {
  tellRefusals();
  const model = await loggedIn(server.renewal, () => {
    const { url, options } = howToConnect(server, host, name, timeout);
    return connect(url, options);
  });
  // An 'error' without a listener ends the process. What happened is told by 'close', and by the call that fails.
  model.on('error', () => {});
  const socket = socketOf(model);
  if (socket) writeTogether(socket);
  return model;
};

/** Closes a connection, which takes two seconds at the most; also one whose other side is silent. */
const sever = async (model: ChannelModel): Promise<void> => {
  await withDeadline(model.close(), CLOSE_TIMEOUT_MS).catch(() => {});
  socketOf(model)?.destroy(new Error('The connection was closed.'));
};

/**
 * Opens a connection that does not come back once it is lost, to the first host that answers.
 * @throws PublishError where none does, NoPassword where a command gives none
 */
export const connectOnce = async (server: Server, name: string): Promise<ChannelModel> => {
  await server.renewal?.ready();
  let model: ChannelModel | undefined;
  let cause: unknown;
  for (const host of server.hosts)
    model ??= await open(server, host, name, CONNECT_TIMEOUT_MS).catch(async (error: unknown) => {
      cause = await explainUnreached(error, peerOf(server, host));
      return undefined;
    });
  if (model) return model;
  const at = brokerAddress(server);
  const sentence =
    codeOf(cause) === undefined
      ? `RabbitMQ does not answer at ${at}.`
      : `RabbitMQ at ${at} refuses us: ${reasonOf(cause)}`;
  throw new PublishError('refused', cause instanceof TlsRefusal ? cause.message : sentence, { cause });
};

/**
 * Runs `work` on such a connection, and closes it.
 * @throws PublishError where no host is reached, and whatever `work` throws
 */
export const onConnection = async <T>(
  server: Server,
  name: string,
  work: (model: ChannelModel) => Promise<T>,
): Promise<T> => {
  const model = await connectOnce(server, name);
  try {
    return await work(model);
  } finally {
    await sever(model);
  }
};

interface Opening {
  /** Runs on each new connection before it is used; if it rejects, the connection is closed and another tried. */
  setup: (model: ChannelModel) => Promise<void>;
  /** Is called when a connection is gone, and each time that none can be made. */
  lost: () => void;
  /** Which of the hosts is tried first, counted from 0. */
  startAt?: number | undefined;
  /** Which of them is passed over. */
  avoid?: (() => number | undefined) | undefined;
}

/**
 * Opens the connection in the background.
 * @param name how the observer and the broker's own tools name it
 */
export const openConnection = async (
  server: Server,
  observer: Observer,
  name: string,
  { setup, lost, startAt = 0, avoid }: Opening,
) => {
  const { hosts } = server;
  const isOneOfMany = hosts.length > 1;
  const reach = reachability(observer, name);
  const explainers = hosts.map(() => createExplainer());
  let isUp = false;
  const ending = new AbortController();
  let current: ChannelModel | undefined;
  /** Tells the broker a new token, as it ends connections whose token has run out. */
  const tellSecret = async ({ password = '' }: Login) =>
    current?.updateSecret(Buffer.from(password), 'renewed');
  const forget = server.renewal?.onRenewed((login) => void tellSecret(login).catch(() => {}));
  let tellBlocked = (_reason: string | undefined) => {};
  /** How many tries in a row have failed. */
  let failures = 0;
  let turn = startAt;

  /**
   * Connects, and stays connected.
   * @returns why the connection was lost
   * @throws Error where none could be made or set up
   */
  const live = async (host: Host, at: string | undefined): Promise<Error> => {
    const hasOthers = isOneOfMany && failures < hosts.length;
    const timeout = hasOthers ? CONNECT_TIMEOUT_OF_MANY_MS : CONNECT_TIMEOUT_MS;
    const model = await open(server, host, name, timeout);
    current = model;
    let reason: Error | undefined;
    const closed = new Promise<Error>((resolve) => {
      model.on('close', (error?: Error) => {
        reason = error ?? new Error('The connection was closed.');
        resolve(reason);
      });
    });
    let isBlocked = false;
    const noteBlocked = (why: string | undefined) => {
      isBlocked = why !== undefined;
      tellBlocked(why);
    };
    model.on('blocked', noteBlocked);
    model.on('unblocked', () => noteBlocked(undefined));
    const begin = async () => {
      await watchPulse(model, () => isBlocked);
      await setup(model);
    };
    try {
      // amqplib does not reject every call that is under way when the connection closes.
      if (!ending.signal.aborted) await withDeadline(Promise.race([begin(), closed]), SETUP_TIMEOUT_MS);
      if (reason) throw reason;
    } catch (error) {
      // The reason why the connection closed says more than the error of the call that was under way.
      const cause = reason ?? error;
      await sever(model);
      throw cause;
    }
    if (ending.signal.aborted) await sever(model);
    failures = 0;
    isUp = true;
    reach.up(at);
    return closed;
  };

  const stayConnected = async (): Promise<void> => {
    // Whoever opens the connection has it before `setup` runs.
    await setImmediate();
    for (; !ending.signal.aborted; turn++) {
      if (avoid?.() === turn % hosts.length) turn++;
      const host = hosts[turn % hosts.length] ?? hosts[0];
      const at = isOneOfMany ? hostAndPort(host.hostname, host.port) : undefined;
      let wasUp = true;
      const error = await live(host, at).catch((error: unknown) => {
        wasUp = false;
        failures++;
        return error;
      });
      if (ending.signal.aborted) return;
      isUp = false;
      lost();
      const tell = (reason: unknown) => {
        if (isUp) return;
        const isPlaced = at === undefined || reason instanceof TlsRefusal;
        reach.down(isPlaced ? reason : new Error(`${at}: ${reasonOf(reason)}`));
      };
      // Nobody waits for the explanation: another host may be there meanwhile.
      if (wasUp) tell(error);
      else explainers[turn % hosts.length]?.(error, peerOf(server, host), tell);
      const rounds = Math.floor(failures / hosts.length);
      const pause = failures % hosts.length === 0 ? PAUSE_MS * 2 ** rounds : PAUSE_MS;
      await sleep(jittered(Math.min(PAUSE_MAX_MS, pause)), undefined, { signal: ending.signal }).catch(
        () => {},
      );
    }
  };
  void stayConnected();

  return {
    /**
     * Calls `changed` with a reason when the broker reads nothing more from connections that publish, as it is short of
     * memory or disk, and with undefined when that is over.
     */
    onBlocked: (changed: (reason: string | undefined) => void): void => {
      tellBlocked = changed;
    },

    /** Which of the hosts it is, or was last, connected to. */
    host: (): number => turn % hosts.length,

    /** Closes the connection, so that a new one is made. */
    reconnect: (): void => {
      if (current) void sever(current);
    },

    /** Ends the connection at once, as it is good for nothing any more. @param reason for the log */
    giveUp: (reason: string): void => {
      if (current) socketOf(current)?.destroy(new Error(reason));
    },

    /** Closes the connection for good. Waits for a broker that does not answer for two seconds at the most. */
    close: async (): Promise<void> => {
      ending.abort();
      forget?.();
      if (current) await sever(current);
    },
  };
};
