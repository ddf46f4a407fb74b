/**
 * The connection to Redis, and the rules for everything above it: a cache that fails is a cache that misses, and
 * no request waits for it. One command that gets no answer in time opens the circuit: from then on every attempt
 * misses at once, until Redis has answered a PING.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { withDeadline } from '../deadline.ts';
import { type Log, reachability } from '../log.ts';

/** No request waits longer than this for Redis. */
const COMMAND_TIMEOUT_MS = 1_000;
const TIMED_OUT = 'Redis did not answer in time.';
const PROBE_INTERVAL_MS = 500;
const RECONNECT_MAX_MS = 2_000;
/** A connection that is half open never answers: after so many PINGs in vain another one is tried. */
const SILENCES_PER_CONNECTION = 3;

/**
 * The commands of one turn of the event loop leave in one write and share one time limit. ioredis's own pipelining makes
 * three promises a command, a timer each, and sends no pipeline before the last one is answered.
 */
export class PipeliningRedis extends Redis {
  private turn: Command[] | undefined;

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    if (!this.turn) {
      this.turn = [];
      setImmediate(this.endTurn, this.turn, this.stream);
      this.stream?.cork();
    }
    const answer = super.sendCommand(command, stream);
    // Not one that could not be sent: its failure says nothing of the others.
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
    }, COMMAND_TIMEOUT_MS);
    // Answers come in the order of the commands.
    const answered = () => clearTimeout(timer);
    last.promise.then(answered, answered);
  };
}

const connect = ({ tls, ca, ...options }: Config['redis'], log: Log): Redis => {
  const reach = reachability(log, 'Redis');
  const redis = new PipeliningRedis({
    ...options,
    tls: tls ? { servername: options.host, ca } : undefined,
    connectTimeout: 3_000,
    // A command that cannot be sent now fails now; one whose answer was lost is not sent a second time.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) =>
      Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(times, 6)) * (0.8 + Math.random() * 0.4),
  });
  redis.on('ready', reach.up);
  redis.on('error', reach.down);
  redis.on('close', () => reach.down('the connection closed'));
  return redis;
};

/** Redis's errors begin with a word of their own. */
const saysFirst = (word: string) => (error: unknown) =>
  error instanceof Error && error.message.startsWith(word);
const isUnknownScript = saysFirst('NOSCRIPT');
/** A cluster takes no keys of several slots in one command (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). */
export const isAcrossSlots = saysFirst('CROSSSLOT');

/** A Lua script. It is sent only where Redis does not know it by its hash yet. */
export const script = (lua: string) => {
  const sha = createHash('sha1').update(lua).digest('hex');
  return async (redis: Redis, keys: string[], ...args: (string | number)[]): Promise<unknown> => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return redis.eval(lua, keys.length, ...keys, ...args);
    }
  };
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

const isTimeout = (error: unknown) => error instanceof Error && error.message === TIMED_OUT;

/** Opens the connection in the background; with CACHE_DISABLED there is none and every attempt misses. */
export const openRedis = (config: Pick<Config, 'redis' | 'cache'>, log: Log) => {
  const redis = config.cache.disabled ? undefined : connect(config.redis, log);
  let circuitOpen = false;
  let closed = false;

  const openCircuit = async (link: Redis) => {
    if (circuitOpen) return;
    circuitOpen = true;
    log.warn('Redis does not answer in time');
    for (let silences = 0; circuitOpen && !closed; ) {
      try {
        await link.ping();
        circuitOpen = false;
        log.info('Redis answers again');
      } catch (error) {
        if (isTimeout(error) && ++silences % SILENCES_PER_CONNECTION === 0) link.disconnect(true);
        await sleep(PROBE_INTERVAL_MS, undefined, { ref: false });
      }
    }
  };

  const firstReached = redis && new Promise<void>((resolve) => redis.once('ready', resolve));

  return {
    enabled: redis !== undefined,

    /** Resolves once Redis was reached for the first time, or after so many milliseconds. */
    reachedWithin: async (ms: number): Promise<void> => {
      if (firstReached) await withDeadline(firstReached, ms).catch(() => {});
    },

    /** Runs commands; whatever fails about them, the answer is `otherwise`. Never rejects. */
    attempt: async <T>(commands: (redis: Redis) => Promise<T>, otherwise: T): Promise<T> => {
      if (!redis || circuitOpen) return otherwise;
      try {
        return await commands(redis);
      } catch (error) {
        log.debug({ err: error }, 'Redis command failed');
        if (isTimeout(error)) void openCircuit(redis);
        return otherwise;
      }
    },

    /** @throws when Redis does not answer in time */
    ping: async (): Promise<void> => {
      await redis?.ping();
    },

    close: async (): Promise<void> => {
      closed = true;
      redis?.removeAllListeners('close');
      redis?.disconnect();
    },
  };
};
export type RedisLink = ReturnType<typeof openRedis>;
