/** What MySQL said a moment ago, as the bytes of the answer: single orders, and the list by version. */
import { keys } from './keys.ts';
import type { RedisLink } from './redis.ts';

/** `ttl` seconds, ±10 %, so that what was cached together does not expire together. */
export const jittered = (ttl: number, random = Math.random()): number =>
  Math.max(1, Math.round(ttl * (0.9 + random * 0.2)));

/** @param ttl seconds an answer is kept */
export const cachedOrders = ({ attempt }: RedisLink, ttl: number) => ({
  findDetail: (orderId: string): Promise<string | null> =>
    attempt((redis) => redis.get(keys.detail(orderId)), null),

  putDetail: (orderId: string, json: string): Promise<unknown> =>
    attempt((redis) => redis.set(keys.detail(orderId), json, 'EX', jittered(ttl)), null),

  /** The version that a list read from MySQL from now on may be stored under; null where Redis is away. */
  listVersion: (): Promise<string | null> =>
    attempt(async (redis) => (await redis.get(keys.listVersion)) ?? '0', null),

  findList: (version: string): Promise<string | null> =>
    attempt((redis) => redis.get(keys.list(version)), null),

  putList: (version: string, json: string): Promise<unknown> =>
    attempt((redis) => redis.set(keys.list(version), json, 'EX', jittered(ttl)), null),

  /** After a commit: the order's answer is dropped, and the lists of this version are read no more. */
  invalidate: (orderId: string): Promise<unknown> =>
    attempt((redis) => Promise.all([redis.del(keys.detail(orderId)), redis.incr(keys.listVersion)]), null),

  /** After many orders were added. */
  invalidateLists: (): Promise<unknown> => attempt((redis) => redis.incr(keys.listVersion), null),
});
