/** Everything that a process keeps in Redis. */
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { keys } from './keys.ts';
import { cachedOrders } from './orders.ts';
import { pendingOrders } from './pending.ts';
import { openRedis } from './redis.ts';

const SCAN_COUNT = 1_000;

/** Opens the cache. Only `ping` ever rejects. */
export const openCache = (config: Pick<Config, 'redis' | 'cache'>, log: Log) => {
  const link = openRedis(config, log);
  return {
    enabled: link.enabled,
    pending: pendingOrders(link, config.cache.pendingTtl),
    orders: cachedOrders(link, config.cache.ordersTtl),
    ping: link.ping,
    close: link.close,

    /** Forgets every pending write and every cached answer. */
    clear: (): Promise<unknown> =>
      link.attempt(async (redis) => {
        for (const match of [keys.pending('*'), keys.detail('*')])
          for await (const found of redis.scanStream({ match, count: SCAN_COUNT }))
            await Promise.all(found.map((key: string) => redis.unlink(key)));
        await redis.incr(keys.listVersion);
      }, undefined),
  };
};
export type Cache = ReturnType<typeof openCache>;
