/** Everything that a process keeps in Redis. */
import { createClock } from '../domain/versions.ts';
import type { Config } from '../process/config.ts';
import { unobserved } from '../process/log-events.ts';
import type { Observer } from '../process/observer.ts';
import { acceptedWrites } from './accepted.ts';
import { createBudget } from './budget.ts';
import { beginCompleteSince, readCompleteSince } from './complete-since.ts';
import { jobFeed } from './feed.ts';
import { idempotencyRecords } from './idempotency.ts';
import { cachedJobs } from './jobs.ts';
import { keys } from './keys.ts';
import { openLink, type RedisLink } from './link.ts';
import { bump, cachedLists } from './lists.ts';
import { memoryWatch } from './memory.ts';
import { consumerNotes } from './notes.ts';
import { cachedOrders, guardAnew, removeDetails } from './orders.ts';
import { pendingOrders } from './pending.ts';
import { orderReader } from './reads.ts';
import { getText } from './redis.ts';
import type { RedisServers } from './servers.ts';

export { RedisUnusable } from './link.ts';

/** How much longer than its publish a request may take until its Idempotency-Key is free for another try. */
const LEASE_MARGIN_SECONDS = 5;

/** How often a process that accepts writes asks whether Redis will keep what it was given. */
const LOOK_INTERVAL_MS = 5_000;
/** How long a command may take on the link for large values, which are megabytes. */
const LARGE_TIME_LIMIT_MS = 5_000;
const OPENED_WITHIN_MS = 1_000;
/** Which part of a process's memory in Redis is for pages that nobody has asked for twice. */
const ASKED_ONCE = 1 / 4;

/** What a process keeps in Redis. Only `ping` rejects: if Redis fails, everything else behaves as if it had no data. */
export interface Cache {
  /** False with CACHE_DISABLED. */
  readonly enabled: boolean;
  readonly pending: ReturnType<typeof pendingOrders>;
  readonly orders: ReturnType<typeof cachedOrders>;
  /** Reads what Redis has of an order. */
  readonly read: ReturnType<typeof orderReader>;
  readonly lists: ReturnType<typeof cachedLists>;
  readonly idempotency: ReturnType<typeof idempotencyRecords>;
  readonly jobs: ReturnType<typeof cachedJobs>;
  readonly feed: ReturnType<typeof jobFeed>;
  readonly consumers: ReturnType<typeof consumerNotes>;
  readonly accepted: ReturnType<typeof acceptedWrites>;

  /** Resolves when Redis has been reached for the first time, or after `ms` milliseconds. Never rejects. */
  reachedWithin(ms: number): Promise<void>;

  /**
   * When Redis was last out of reach, by its clock in microseconds since 1970: it may not have been told of writes
   * before that.
   */
  since(): number;

  /** Finds out whether Redis works. @throws RedisUnusable, which says why Redis is of no use at present */
  ping(): Promise<void>;

  /** A sentence if Redis works but may lose what it was given, otherwise undefined. */
  concern(): Promise<string | undefined>;

  /** Redis's clock in microseconds since 1970, or null if Redis is away. The same call finds out about resets. */
  time(): Promise<number | null>;

  /**
   * Removes all that is as old as a reset or older. A reader that asked MySQL before the reset and stores its answer
   * after it sees that there was a reset and overwrites its answer.
   * @param version that of the reset, whose orders are no longer in MySQL
   * @returns true if Redis did so and no process can still have older things to tell it; with CACHE_DISABLED always
   *   true
   */
  removeUpTo(version: number): Promise<boolean>;

  close(): Promise<void>;
}

/**
 * A link for large values, which is opened when the first one comes. It reports no outages, as the other link already
 * does.
 */
const largeLink = (
  config: Pick<Config, 'redis' | 'cache'>,
  { commandFailed }: Observer,
  servers: RedisServers,
) => {
  const observer = { ...unobserved, commandFailed };
  let opened: { link: RedisLink; reached: Promise<void> } | undefined;
  const open = () => {
    const name = 'Redis for lists';
    const link = openLink(config, { observer, servers, name, timeLimitMs: LARGE_TIME_LIMIT_MS });
    return { link, reached: link.reachedWithin(OPENED_WITHIN_MS) };
  };
  const attempt: RedisLink['attempt'] = async (commands, otherwise) => {
    opened ??= open();
    await opened.reached;
    return opened.link.attempt(commands, otherwise);
  };
  return { attempt, close: async () => opened?.link.close() };
};

/**
 * Opens the cache. When Redis is back after an outage, this process first tells it what it could not tell meanwhile. It
 * also makes all cached lists void, as other processes may have failed to tell Redis of their commits.
 * @param latest returns the greatest version that anybody can have given out by now
 * @param accepts whether this process accepts writes. If so, pending copies may be missing after an outage
 */
export const openCache = (
  config: Pick<Config, 'redis' | 'cache' | 'rabbitmq'>,
  observer: Observer,
  latest: () => number = createClock().latest,
  accepts = false,
): Cache => {
  const memory = memoryWatch(observer, (redis) => beginCompleteSince(redis, latest()));
  const look = () => link.attempt(memory.look, undefined);
  const link = openLink(config, {
    observer,
    onReturn: async (redis, { wasOut, forgotten }) => {
      if (forgotten) await Promise.all([removeDetails(redis), guardAnew(redis)]);
      if (wasOut) await bump(redis);
      if (accepts) await (wasOut ? beginCompleteSince : readCompleteSince)(redis, latest());
    },
  });
  const watcher = accepts ? setInterval(look, LOOK_INTERVAL_MS).unref() : undefined;
  const large = largeLink(config, observer, link.servers);
  const { waitingTtl, appliedTtl, ordersTtl, idempotencyTtl, memoryBytes } = config.cache;
  const onceBytes = memoryBytes * ASKED_ONCE;
  const budget = createBudget(memoryBytes - onceBytes);
  const lease = Math.ceil(config.rabbitmq.publishTimeoutMs / 1000) + LEASE_MARGIN_SECONDS;
  const lists = cachedLists(link, large.attempt, { budget, onceBudget: createBudget(onceBytes) });
  const pending = pendingOrders(link, { waitingTtl, appliedTtl, latest });
  const jobs = cachedJobs(link, { waitingTtl, appliedTtl });
  const idempotency = idempotencyRecords(link, { ttl: idempotencyTtl, lease, latest });
  let lastReset: string | null = null;
  const orders = cachedOrders(link, { ttl: ordersTtl, budget, lastReset: () => lastReset });
  return {
    enabled: link.enabled,
    pending,
    orders,
    read: orderReader(link, pending, orders),
    lists,
    idempotency,
    jobs,
    feed: jobFeed(link),
    consumers: consumerNotes(link),
    accepted: acceptedWrites(link),
    reachedWithin: link.reachedWithin,
    since: link.since,
    ping: link.ping,
    close: async () => {
      clearInterval(watcher);
      await Promise.all([link.close(), large.close()]);
    },

    concern: async () => {
      await look();
      return memory.concern();
    },

    time: () =>
      link.attempt(async (redis) => {
        const [[seconds, microseconds], reset] = await Promise.all([
          redis.time(),
          getText(redis, keys.reset),
        ]);
        lastReset = reset;
        return Number(seconds) * 1e6 + Number(microseconds);
      }, null),

    removeUpTo: async (version) => {
      const noted = await link.attempt(async (redis) => {
        // Before anybody sees that there was a reset, and takes what a replica says then for what was left.
        await guardAnew(redis);
        await redis.set(keys.reset, version);
        return true;
      }, !link.enabled);
      const removed = [
        await pending.removeUpTo(version),
        await orders.removeAll(),
        await idempotency.removeUpTo(version),
      ];
      await lists.invalidate();
      return noted && !removed.includes(false) && !link.isJustBack();
    },
  };
};
