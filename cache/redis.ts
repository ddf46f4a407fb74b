/** A connection to Redis, the scripts that run there, and what its errors say. */
import { type Command, Redis } from 'ioredis';
import type { Config } from '../process/config.ts';
import { jittered } from '../process/jitter.ts';
import { tlsConnectOptions } from '../process/tls.ts';

/** How long a request waits for Redis at the most. */
const COMMAND_TIMEOUT_MS = 1_000;
const TIMED_OUT = 'Redis did not answer in time.';
const RECONNECT_MAX_MS = 2_000;

/**
 * Sends the commands of one turn of the event loop in one write, and gives them one time limit. ioredis's own
 * pipelining makes three promises and a timer for each command, and sends a pipeline only when the one before is
 * answered.
 */
export class PipeliningRedis extends Redis {
  /** How many milliseconds commands may take. */
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
 * A connection that is made in the background, and again whenever it is lost. Each time the name is looked up again.
 * @param timeLimitMs how many milliseconds a command may take
 */
export const connect = ({ tls, ...options }: Config['redis'], timeLimitMs = COMMAND_TIMEOUT_MS): Redis => {
  const redis = new PipeliningRedis({
    ...options,
    tls: tls && tlsConnectOptions(tls, options.host),
    connectTimeout: 3_000,
    // A command that cannot be sent now fails now; one whose answer was lost is not sent a second time.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // Whether Redis works for us the probe finds out (cache/link.ts), also where an account may not ask for INFO.
    enableReadyCheck: false,
    // A Redis that has too many clients answers the first command with that, and nobody would read it here.
    disableClientInfo: true,
    retryStrategy: (times) => jittered(Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(times, 6))),
  });
  redis.timeLimitMs = timeLimitMs;
  return redis;
};

/** Tests for an error of Redis by the word with which its message begins. */
const saysFirst = (word: string) => (error: unknown) =>
  error instanceof Error && error.message.startsWith(word);
/** Whether Redis does not know a script by its hash. */
export const isUnknownScript = saysFirst('NOSCRIPT');
const isOfWrongType = saysFirst('WRONGTYPE');
/**
 * Whether a cluster refused a command because its keys are in several slots
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
 */
export const isAcrossSlots = saysFirst('CROSSSLOT');

/** Whether a command got no answer in time. */
export const isTimeout = (error: unknown): boolean => error instanceof Error && error.message === TIMED_OUT;

/** Whether Redis has answered, with an error. */
export const isRefusal = (error: unknown): boolean => error instanceof Error && error.name === 'ReplyError';

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
  if (!(error instanceof Error) || !isRefusal(error)) return 'Redis is not connected.';
  // Before version 7 Redis put what a script was refused behind the script's own words.
  const [, inScript] = /: -([A-Z]+ .*)$/s.exec(error.message) ?? [];
  return (inScript ?? error.message).split(OTHER_WORDS, 1).join().slice(0, LONGEST_REASON);
};

const SCAN_COUNT = 1_000;
/** Runs `work` on each key that matches a pattern, on those of one step of the scan at once. @throws Redis's error */
export const onEachKey = async (
  redis: Redis,
  match: string,
  work: (key: string) => Promise<unknown>,
): Promise<void> => {
  for await (const found of redis.scanStream({ match, count: SCAN_COUNT }))
    await Promise.all(found.map(work));
};
