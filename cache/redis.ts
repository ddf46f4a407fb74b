/** The connection to Redis, and the one rule for everything above it: a cache that fails is a cache that misses. */
import { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { type Log, reachability } from '../log.ts';

/** No request waits longer than this for Redis. */
const COMMAND_TIMEOUT_MS = 500;
const RECONNECT_MAX_MS = 2_000;

const connect = ({ tls, ...options }: Config['redis'], log: Log): Redis => {
  const reach = reachability(log, 'Redis');
  const redis = new Redis({
    ...options,
    tls: tls ? { servername: options.host } : undefined,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: 3_000,
    enableAutoPipelining: true,
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

/** Opens the connection in the background; with CACHE_DISABLED there is none and every attempt misses. */
export const openRedis = (config: Pick<Config, 'redis' | 'cache'>, log: Log) => {
  const redis = config.cache.disabled ? undefined : connect(config.redis, log);
  return {
    enabled: redis !== undefined,

    /** Runs commands; whatever fails about them, the answer is `otherwise`. Never rejects. */
    attempt: async <T>(commands: (redis: Redis) => Promise<T>, otherwise: T): Promise<T> => {
      if (!redis) return otherwise;
      try {
        return await commands(redis);
      } catch (error) {
        log.debug({ err: error }, 'Redis command failed');
        return otherwise;
      }
    },

    /** @throws when Redis does not answer in time */
    ping: async (): Promise<void> => {
      await redis?.ping();
    },

    close: async (): Promise<void> => {
      redis?.removeAllListeners('close');
      redis?.disconnect();
    },
  };
};
export type RedisLink = ReturnType<typeof openRedis>;
