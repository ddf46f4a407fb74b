/** Cached answers to GET /orders/{id}: what MySQL said of single orders a moment ago, as bytes. */
import type { Redis } from 'ioredis';
import type { Budget } from './budget.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { onEachKey } from './masters.ts';
import { getText } from './redis.ts';
import { script } from './script.ts';

/** @returns `ttl` ±10 % in whole seconds, so that answers that were cached together do not expire together */
export const jittered = (ttl: number, random = Math.random()): number =>
  Math.max(1, Math.round(ttl * (0.9 + random * 0.2)));

const putScript = script('put-detail');

/**
 * A commit removes an order's cached answer and sets a guard for this long, and no answer is stored while there is a
 * guard. So a reader that asked MySQL before the commit cannot store its old answer after it. Readers give up well
 * before the guard expires (api/orders/reads.ts). The guard has a key of its own because the Flask service takes
 * whatever is in the answer's key for an answer.
 */
const GUARD_SECONDS = 5;
/**
 * An answer that is no older than this, in milliseconds, is as new as Redis knows where there is no guard: less than a
 * guard lasts, as its time is Redis's and not ours.
 */
export const GUARDED_MS = 4_000;

const guardedForScript = script('guarded-for');
/** For how many milliseconds it has been so that each change sets a guard and none was lost. */
const guardedFor = async (redis: Redis): Promise<number> =>
  Number(await guardedForScript(redis, [keys.guardedSince], ''));
/** To be called after orders were changed or removed without a guard for each. @throws where Redis does not do so */
export const guardAnew = async (redis: Redis): Promise<void> => {
  await guardedForScript(redis, [keys.guardedSince], '1');
};

/** Sets the guard first, so that nobody stores an answer between the two commands. */
const invalidate = (redis: Redis, orderId: string): Promise<unknown> =>
  Promise.all([
    redis.set(keys.detailGuard(orderId), '', 'EX', GUARD_SECONDS),
    redis.unlink(keys.detail(orderId)),
  ]);

/**
 * What a reader may have of what is in the key of an answer.
 * @param isJustBack whether Redis was away until a moment ago: another process may still have to tell it that what is
 *   cached is old
 */
export const answerIn = (json: Buffer | null | undefined, isJustBack: boolean): Buffer | null =>
  // An earlier version of this service left '' as its guard.
  json?.length && !isJustBack ? json : null;

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
   * The cached answer to GET /orders/{id} as JSON, or null. Never rejects.
   */
  findDetail: (orderId: string): Promise<Buffer | null> =>
    attempt(async (redis) => {
      const mayBeOld = isJustBack();
      return answerIn(await redis.getBuffer(keys.detail(orderId)), mayBeOld);
    }, null),

  /**
   * Whether nothing that Redis knows of has changed the order for longer than GUARDED_MS. False if Redis cannot tell, as
   * after a flush or a reset. Never rejects.
   */
  isUnchanged: (orderId: string): Promise<boolean> =>
    attempt(async (redis) => {
      if (isJustBack()) return false;
      const [guards, ms] = await Promise.all([redis.exists(keys.detailGuard(orderId)), guardedFor(redis)]);
      return guards === 0 && ms >= GUARD_SECONDS * 1_000;
    }, false),

  /** A reader notes this before it asks MySQL, and hands it to `putDetail` when it stores the answer. */
  lastReset,

  /**
   * Stores an answer if there is room for it, unless there was a reset since MySQL was asked. Never rejects.
   * @param json the answer to GET /orders/{id}
   * @param resetBefore what `lastReset` returned before MySQL was asked
   * @param ageMs how old the answer is already
   */
  putDetail: (
    orderId: string,
    json: Buffer,
    resetBefore: string | null = lastReset(),
    ageMs = 0,
  ): Promise<unknown> =>
    attempt(async (redis) => {
      const seconds = jittered(ttl) - Math.ceil(ageMs / 1_000);
      if (seconds <= 0) return;
      if (!budget.take(json.length, seconds * 1_000)) return;
      const stored = await putScript(redis, [keys.detail(orderId), keys.detailGuard(orderId)], json, seconds);
      if (stored && (await getText(redis, keys.reset)) !== resetBefore) await invalidate(redis, orderId);
    }, undefined),

  /** To be called after a commit: readers no longer get what is cached of these orders. Never rejects. */
  invalidateDetails: (orderIds: string[]): Promise<void> =>
    tell({
      tell: (redis) => Promise.all(orderIds.map((id) => invalidate(redis, id))),
      bytes: orderIds.length * BYTES_PER_ID,
    }),

  /** Removes all cached answers of single orders. @returns whether Redis did. Never rejects. */
  removeAll: (): Promise<boolean> => eachKey(keys.detail('*'), (redis, key) => redis.unlink(key)),
});
