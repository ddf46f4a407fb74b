/** Cached answers to GET /orders/{id}: what MySQL said of single orders a moment ago, as bytes. */
import type { Redis } from 'ioredis';
import type { Budget } from './budget.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { getText, onEachKey } from './redis.ts';

/** @returns `ttl` ±10 % in whole seconds, so that answers that were cached together do not expire together */
export const jittered = (ttl: number, random = Math.random()): number =>
  Math.max(1, Math.round(ttl * (0.9 + random * 0.2)));

/**
 * After a commit an order's cached answer is replaced by an empty value for this long, and answers are stored only
 * where there is no value. So a reader that asked MySQL before the commit cannot store its old answer after it. Readers
 * give up well before the empty value expires (api/orders/reads.ts).
 */
const GUARD_SECONDS = 5;
const GUARD = '';

/** About how much memory an id takes. */
export const BYTES_PER_ID = 100;

/** Removes all cached answers of single orders. @throws where Redis does not do so */
export const removeDetails = (redis: Redis): Promise<void> =>
  onEachKey(redis, keys.detail('*'), (key) => redis.unlink(key));

/**
 * The cached answers of single orders.
 * @param ttl seconds for which an answer is kept
 * @param budget how much this process may put into Redis
 * @param lastReset the version of the last reset that this process knows of, as digits, or null
 */
export const cachedOrders = (
  { attempt, tell, eachKey, isJustBack }: RedisLink,
  { ttl, budget, lastReset }: { ttl: number; budget: Budget; lastReset: () => string | null },
) => ({
  /**
   * The cached answer to GET /orders/{id} as JSON, or null. Just after Redis was away the answer is always null:
   * another process may still have to tell Redis that what is cached is old. Never rejects.
   */
  findDetail: (orderId: string): Promise<Buffer | null> =>
    attempt(async (redis) => {
      if (isJustBack()) return null;
      const json = await redis.getBuffer(keys.detail(orderId));
      return json?.length ? json : null;
    }, null),

  /** A reader notes this before it asks MySQL, and hands it to `putDetail` when it stores the answer. */
  lastReset,

  /**
   * Stores an answer if there is room for it, unless there was a reset since MySQL was asked. Never rejects.
   * @param json the answer to GET /orders/{id}
   * @param resetBefore what `lastReset` returned before MySQL was asked
   */
  putDetail: (orderId: string, json: Buffer, resetBefore: string | null = lastReset()): Promise<unknown> =>
    attempt(async (redis) => {
      const key = keys.detail(orderId);
      const seconds = jittered(ttl);
      if (!budget.take(json.length, seconds * 1_000)) return;
      const [stored, reset] = await Promise.all([
        redis.set(key, json, 'EX', seconds, 'NX'),
        getText(redis, keys.reset),
      ]);
      if (stored === 'OK' && reset !== resetBefore) await redis.set(key, GUARD, 'EX', GUARD_SECONDS);
    }, undefined),

  /** To be called after a commit: readers no longer get what is cached of these orders. Never rejects. */
  invalidateDetails: (orderIds: string[]): Promise<void> =>
    tell({
      tell: (redis) =>
        Promise.all(orderIds.map((id) => redis.set(keys.detail(id), GUARD, 'EX', GUARD_SECONDS))),
      bytes: orderIds.length * BYTES_PER_ID,
    }),

  /** Removes all cached answers of single orders. @returns whether Redis did. Never rejects. */
  removeAll: (): Promise<boolean> => eachKey(keys.detail('*'), (redis, key) => redis.unlink(key)),
});
