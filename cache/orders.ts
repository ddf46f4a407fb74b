/** What MySQL said of single orders a moment ago, as the bytes of the answer. */
import type { Redis } from 'ioredis';
import type { Budget } from './budget.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { getText, onEachKey } from './redis.ts';

/** `ttl` seconds, ±10 %, so that what was cached together does not expire together. */
export const jittered = (ttl: number, random = Math.random()): number =>
  Math.max(1, Math.round(ttl * (0.9 + random * 0.2)));

/**
 * After a commit an order's answer is replaced by nothing for so many seconds, and an answer is stored only where
 * there is no value: a reader that asked MySQL before the commit and stores after it finds the place taken. Readers
 * give up well before that (api/orders/reads.ts).
 */
const GUARD_SECONDS = 5;
const GUARD = '';

/** About what an id takes in memory. */
export const BYTES_PER_ID = 100;

/** Drops all that is cached of orders. */
export const dropDetails = (redis: Redis): Promise<void> =>
  onEachKey(redis, keys.detail('*'), (key) => redis.unlink(key));

/**
 * @param ttl seconds an answer is kept
 * @param lastReset what this process knows of it
 */
export const cachedOrders = (
  { attempt, tell, sweep, isJustBack }: RedisLink,
  { ttl, budget, lastReset }: { ttl: number; budget: Budget; lastReset: () => string | null },
) => ({
  /** What another process has not told Redis yet is not believed. */
  findDetail: (orderId: string): Promise<Buffer | null> =>
    attempt(async (redis) => {
      if (isJustBack()) return null;
      const json = await redis.getBuffer(keys.detail(orderId));
      return json?.length ? json : null;
    }, null),

  /** What a reader notes before it asks MySQL, and gives back when it stores the answer. */
  lastReset,

  /**
   * Stores an answer where there is room for it, unless there was a reset since MySQL was asked.
   * @param resetBefore what `lastReset` said before
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

  /** After a commit: drops what is cached of orders. */
  invalidateDetails: (orderIds: string[]): Promise<void> =>
    tell({
      tell: (redis) =>
        Promise.all(orderIds.map((id) => redis.set(keys.detail(id), GUARD, 'EX', GUARD_SECONDS))),
      bytes: orderIds.length * BYTES_PER_ID,
    }),

  /** Drops all that is cached of orders. @returns whether Redis did */
  drop: (): Promise<boolean> => sweep(keys.detail('*'), (redis, key) => redis.unlink(key)),
});
