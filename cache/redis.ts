/** A connection to Redis, the scripts that run there, and what its errors say. */
import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { type Command, Redis, type RedisOptions } from 'ioredis';
import type { Config } from '../process/config.ts';
import { jittered } from '../process/jitter.ts';
import type { Login } from '../process/renewal.ts';
import { type Tls, tlsConnectOptions } from '../process/tls.ts';

/** How long a request waits for Redis at the most. */
export const COMMAND_TIMEOUT_MS = 1_000;
const TIMED_OUT = 'Redis did not answer in time.';
const RECONNECT_MAX_MS = 2_000;

/** Says what is wrong with a Redis that answers, in a sentence that is fit for anybody to read. */
export class RedisUnfit extends Error {}

export const timedOut = (): Error => new Error(TIMED_OUT);

type Options = RedisOptions & { replyMapping?: 'legacy' };

/**
 * Sends the commands of one turn of the event loop in one write, and gives them one time limit. ioredis's own
 * pipelining makes three promises and a timer for each command, and sends a pipeline only when the one before is
 * answered.
 */
export class PipeliningRedis extends Redis {
  private readonly timeLimitMs: number;
  private turn: Command[] | undefined;

  /** @param timeLimitMs how many milliseconds a command may take */
  constructor(options: Options, timeLimitMs = COMMAND_TIMEOUT_MS) {
    super(options);
    this.timeLimitMs = timeLimitMs;
  }

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    if (!this.turn) {
      this.turn = [];
      setImmediate(this.endTurn, this.turn, this.stream);
      this.stream?.cork();
    }
    const answer = super.sendCommand(command, stream);
    // An error of a command that was not sent says nothing of the others.
    if (!command.isSettled) this.turn.push(command);
    return answer;
  }

  override disconnect(reconnect = false): void {
    // A handshake of TLS that is given up may fail twice, and ioredis listens for the first time only. A connection that
    // has just been begun has its stream in the next turn.
    const ignoreErrors = () => this.stream?.on('error', () => {});
    ignoreErrors();
    super.disconnect(reconnect);
    setImmediate(ignoreErrors);
  }

  private readonly endTurn = (commands: Command[], stream: Redis['stream'] | undefined): void => {
    this.turn = undefined;
    stream?.uncork();
    const last = commands.at(-1);
    if (!last) return;
    const timer = setTimeout(() => {
      for (const command of commands) command.reject(timedOut());
    }, this.timeLimitMs);
    // Answers come in the order of the commands.
    const answered = () => clearTimeout(timer);
    last.promise.then(answered, answered);
  };
}

/**
 * TLS to a server. The nodes of a cluster may be known by their addresses, with certificates that are for the name in
 * the settings.
 */
const tlsTo = (tls: Tls, host: string, named: string) => {
  const own = tlsConnectOptions(tls, host);
  if (isIP(host) === 0 || isIP(named) !== 0) return own;
  const common = tlsConnectOptions(tls, named);
  return {
    ...common,
    checkServerIdentity: (name: string, certificate: PeerCertificate) =>
      common.checkServerIdentity(name, certificate) && own.checkServerIdentity(name, certificate),
  };
};

const loginOf = ({ user, password }: Login) => ({ username: user, password });

/** What all connections have in common. @param host the name or address of the server */
const optionsFor = ({ tls, cluster: _, renewal, ...options }: Config['redis'], host: string): Options => ({
  ...options,
  ...(renewal && loginOf(renewal.now())),
  host,
  tls: tls && tlsTo(tls, host, options.host),
  connectTimeout: 3_000,
  // A command whose answer was lost is not sent a second time.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // Whether Redis works for us the probe finds out (cache/link.ts), also where an account may not ask for INFO.
  enableReadyCheck: false,
  // A Redis that has too many clients answers the first command with that, and nobody would read it here.
  disableClientInfo: true,
});

/**
 * A connection that is made in the background, and again whenever it is lost. Each time the name is looked up again. A
 * command that cannot be sent now fails now.
 * @param timeLimitMs how many milliseconds a command may take
 */
export const connect = (config: Config['redis'], timeLimitMs: number): Redis =>
  new PipeliningRedis(
    {
      ...optionsFor(config, config.host),
      enableOfflineQueue: false,
      retryStrategy: (times) => jittered(Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(times, 6))),
    },
    timeLimitMs,
  );

/**
 * A connection that is made with the first command, which waits for it, and never again.
 * @param address of one of a cluster's servers
 * @param timeLimitMs how many milliseconds a command may take
 */
export const connectOnce = (
  config: Config['redis'],
  { host, port }: { host: string; port: number },
  timeLimitMs: number,
): Redis =>
  new PipeliningRedis(
    { ...optionsFor(config, host), port, lazyConnect: true, retryStrategy: () => null },
    timeLimitMs,
  );

/** Tests for an error of Redis by the word with which its message begins. */
const saysFirst = (word: string) => (error: unknown) =>
  error instanceof Error && error.message.startsWith(word);
/** Whether Redis does not know a script by its hash. */
export const isUnknownScript = saysFirst('NOSCRIPT');
const isOfWrongType = saysFirst('WRONGTYPE');
const isOfDatabase = saysFirst('ERR SELECT is not allowed in cluster mode');
/**
 * Whether a cluster refused a command because its keys are in several slots
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
 */
export const isAcrossSlots = saysFirst('CROSSSLOT');

/** What was thrown, as an Error: of several the last one. */
export const asError = (error: unknown): Error => {
  const one = error instanceof AggregateError ? error.errors.at(-1) : error;
  return one instanceof Error ? one : new Error(String(one));
};

/** Whether a command got no answer in time. */
export const isTimeout = (error: unknown): boolean => error instanceof Error && error.message === TIMED_OUT;

/** Whether Redis has answered, with an error, or with something that makes it of no use. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'ReplyError' || error instanceof RedisUnfit);

/** Whether an answer tells that Redis is a cluster, which has to be used in another way. */
export const isOfCluster = (error: unknown): boolean =>
  isRefusal(error) && error instanceof Error && /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /.test(error.message);

/** Whether the keys of a command explain its error, so that it says nothing about other commands. */
export const isOfItsKeys = (error: unknown): boolean => isOfWrongType(error) || isAcrossSlots(error);

const LONGEST_REASON = 120;
/**
 * What follows Redis's own words in an error: the command with its arguments, a script's name, another server's
 * address.
 */
const OTHER_WORDS = /,? with args| script: |, on @user_script|(?<=^(MOVED|ASK)) /;

/** The text of a key, or null if there is none or the key holds something else. @throws Redis's error */
export const getText = (redis: Redis, key: string): Promise<string | null> =>
  redis.get(key).catch((error) => {
    if (isOfItsKeys(error)) return null;
    throw error;
  });

/** Why Redis does not do what it was asked, in its own first words, without data and addresses. */
export const reasonOf = (error: unknown): string => {
  if (isTimeout(error)) return TIMED_OUT;
  if (error instanceof RedisUnfit) return error.message;
  if (isOfDatabase(error)) return 'REDIS_URL names a database, but a cluster has database 0 only.';
  if (!(error instanceof Error) || !isRefusal(error)) return 'Redis is not connected.';
  // Before version 7 Redis put what a script was refused behind the script's own words.
  const [, inScript] = /: -([A-Z]+ .*)$/s.exec(error.message) ?? [];
  return (inScript ?? error.message).split(OTHER_WORDS, 1).join().slice(0, LONGEST_REASON);
};
