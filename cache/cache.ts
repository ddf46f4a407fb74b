/** Everything that a process keeps in Redis. */
import { createClock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { beginCompleteSince, readCompleteSince } from './complete-since.ts';
import { idempotencyRecords } from './idempotency.ts';
import { keys } from './keys.ts';
import { openLink } from './link.ts';
import { bump, cachedLists } from './lists.ts';
import { cachedOrders, dropDetails } from './orders.ts';
import { pendingOrders } from './pending.ts';

export { RedisUnusable } from './link.ts';

/** How much longer than a publish a request may take before its Idempotency-Key is free for a retry. */
const LEASE_MARGIN_SECONDS = 5;

/**
 * Opens the cache. Only `ping` ever rejects. When Redis is back, what this process could not tell it is told first; and
 * as others may have failed to tell it of commits, no list of before is believed.
 * @param latest the greatest version that anybody can have given out by now
 * @param accepts whether this process accepts writes: then pending copies may be missing after it was without Redis
 */
export const openCache = (
  config: Pick<Config, 'redis' | 'cache' | 'rabbitmq'>,
  log: Log,
  latest: () => number = createClock().latest,
  accepts = false,
) => {
  const link = openLink(config, {
    log,
    onReturn: async (redis, { wasOut, forgotten }) => {
      if (forgotten) await dropDetails(redis);
      if (wasOut) await bump(redis);
      if (accepts) await (wasOut ? beginCompleteSince : readCompleteSince)(redis, latest());
    },
  });
  const { waitingTtl, pendingTtl, ordersTtl, idempotencyTtl } = config.cache;
  const lease = Math.ceil(config.rabbitmq.publishTimeoutMs / 1000) + LEASE_MARGIN_SECONDS;
  const lists = cachedLists(link);
  const pending = pendingOrders(link, { waitingTtl, appliedTtl: pendingTtl, latest });
  const idempotency = idempotencyRecords(link, { ttl: idempotencyTtl, lease, latest });
  let lastReset: string | null = null;
  const orders = cachedOrders(link, ordersTtl, () => lastReset);
  return {
    enabled: link.enabled,
    pending,
    orders,
    lists,
    idempotency,
    reachedWithin: link.reachedWithin,
    since: link.since,
    ping: link.ping,
    close: link.close,

    /** Redis's clock in microseconds since 1970; null where Redis is away. Learns of resets by the way. */
    time: (): Promise<number | null> =>
      link.attempt(async (redis) => {
        const [[seconds, microseconds], reset] = await Promise.all([redis.time(), redis.get(keys.reset)]);
        lastReset = reset;
        return Number(seconds) * 1e6 + Number(microseconds);
      }, null),

    /**
     * Forgets all that is as old as a reset or older. Readers who have asked MySQL before it removed the orders find
     * that there was a reset when they store what they got.
     * @param version of the reset, whose orders MySQL has no more
     * @returns whether Redis did, and nobody has still to tell it of before; without Redis there is nothing to forget
     */
    clear: async (version: number): Promise<boolean> => {
      const noted = await link.attempt(async (redis) => {
        await redis.set(keys.reset, version);
        return true;
      }, !link.enabled);
      const swept = [await pending.drop(version), await orders.drop(), await idempotency.drop(version)];
      await lists.invalidate();
      return noted && !swept.includes(false) && !link.isJustBack();
    },
  };
};
export type Cache = ReturnType<typeof openCache>;
