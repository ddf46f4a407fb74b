/** A connection to Redis, the scripts that run there, and what its errors say. */
import { type Command, Redis } from 'ioredis';
import type { Config } from '../process/config.ts';

/** No request waits longer than this for Redis. */
const COMMAND_TIMEOUT_MS = 1_000;
const TIMED_OUT = 'Redis did not answer in time.';
const RECONNECT_MAX_MS = 2_000;

/**
 * The commands of one turn of the event loop leave in one write and share one time limit. ioredis's own pipelining makes
 * three promises a command, a timer each, and sends no pipeline before the last one is answered.
 */
export class PipeliningRedis extends Redis {
  /** How long commands may take, in milliseconds. */
  timeLimitMs = COMMAND_TIMEOUT_MS;
  private turn: Command[] | undefined;

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

  private readonly endTurn = (commands: Command[], stream: Redis['stream'] | undefined): void => {
    this.turn = undefined;
    stream?.uncork();
    const last = commands.at(-1);
    if (!last) return;
    const timer = setTimeout(() => {
      for (const command of commands) command.reject(new Error(TIMED_OUT));
    }, this.timeLimitMs);
    // Answers come in the order of the commands.
    const answered = () => clearTimeout(timer);
    last.promise.then(answered, answered);
  };
}

/**
 * A connection that is made in the background, and again whenever it is lost, each time with a new look-up of the name.
 * @param timeLimitMs how long a command may take
 */
export const connect = (
  { tls, ca, ...options }: Config['redis'],
  timeLimitMs = COMMAND_TIMEOUT_MS,
): Redis => {
  const redis = new PipeliningRedis({
    ...options,
    tls: tls ? { servername: options.host, ca } : undefined,
    connectTimeout: 3_000,
    // A command that cannot be sent now fails now; one whose answer was lost is not sent a second time.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // Whether Redis works for us the probe finds out (cache/link.ts), also where an account may not ask for INFO.
    enableReadyCheck: false,
    // A Redis that has too many clients answers the first command with that, and nobody would read it here.
    disableClientInfo: true,
    retryStrategy: (times) =>
      Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(times, 6)) * (0.8 + Math.random() * 0.4),
  });
  redis.timeLimitMs = timeLimitMs;
  return redis;
};

/** Redis's errors begin with a word of their own. */
const saysFirst = (word: string) => (error: unknown) =>
  error instanceof Error && error.message.startsWith(word);
export const isUnknownScript = saysFirst('NOSCRIPT');
const isOfWrongType = saysFirst('WRONGTYPE');
/** A cluster takes no keys of several slots in one command (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). */
export const isAcrossSlots = saysFirst('CROSSSLOT');

export const isTimeout = (error: unknown): boolean => error instanceof Error && error.message === TIMED_OUT;

/** Redis has answered, with an error. */
export const isRefusal = (error: unknown): boolean => error instanceof Error && error.name === 'ReplyError';

/** What the keys of one command bring about, whatever others are answered. */
export const isOfItsKeys = (error: unknown): boolean => isOfWrongType(error) || isAcrossSlots(error);

const LONGEST_REASON = 120;
/** Where other things than Redis's own words begin: what it was asked, a script's name, another server's address. */
const OTHER_WORDS = /,? with args| script: |, on @user_script|(?<=^(MOVED|ASK)) /;

/** A text, or null where there is none or something else in its place. */
export const getText = (redis: Redis, key: string): Promise<string | null> =>
  redis.get(key).catch((error) => {
    if (isOfItsKeys(error)) return null;
    throw error;
  });

/** Why Redis does not do what it is asked, in its own first words: neither data nor addresses. */
export const reasonOf = (error: unknown): string => {
  if (isTimeout(error)) return TIMED_OUT;
  if (!(error instanceof Error) || !isRefusal(error)) return 'Redis is not connected.';
  // Before version 7 Redis put what a script was refused behind the script's own words.
  const [, inScript] = /: -([A-Z]+ .*)$/s.exec(error.message) ?? [];
  return (inScript ?? error.message).split(OTHER_WORDS, 1).join().slice(0, LONGEST_REASON);
};

const SCAN_COUNT = 1_000;
/** Does something to each key that matches a pattern, to those of one step of the scan at once. */
export const onEachKey = async (
  redis: Redis,
  match: string,
  work: (key: string) => Promise<unknown>,
): Promise<void> => {
  for await (const found of redis.scanStream({ match, count: SCAN_COUNT }))
    await Promise.all(found.map(work));
};
