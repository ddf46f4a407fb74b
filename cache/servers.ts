/** Connections to Redis, whatever it is: a single server, or a cluster, which may only turn out from its answers. */
import type { Redis } from 'ioredis';
import type { Config } from '../process/config.ts';
import { ClusterRedis } from './cluster.ts';
import { logInAnew } from './login.ts';
import { COMMAND_TIMEOUT_MS, connect, connectOnce, isOfCluster } from './redis.ts';

/** What all connections of a process to Redis have in common. */
export const redisServers = (config: Config['redis']) => {
  let isCluster = config.cluster;
  const renewed = (redis: Redis): Redis => {
    if (config.renewal) logInAnew(redis, config.renewal);
    return redis;
  };
  return {
    /** Opens another connection. @param timeLimitMs how many milliseconds a command may take; a second by default */
    open: (timeLimitMs = COMMAND_TIMEOUT_MS): Redis =>
      isCluster
        ? new ClusterRedis(
            config,
            (address) => renewed(connectOnce(config, address, timeLimitMs)),
            timeLimitMs,
          )
        : renewed(connect(config, timeLimitMs)),

    /**
     * Learns from the error of a command. @returns whether its connection is for a single server, and Redis is a
     * cluster: then open another one.
     */
    isWrong: (redis: Redis, error: unknown): boolean => {
      if (redis instanceof ClusterRedis || !isOfCluster(error)) return false;
      isCluster = true;
      return true;
    },
  };
};
export type RedisServers = ReturnType<typeof redisServers>;
