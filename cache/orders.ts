/** What MySQL said a moment ago, as the bytes of the answer: single orders, and the list by version. */
import { keys } from './keys.ts';
import { type RedisLink, script } from './redis.ts';

/** `ttl` seconds, ±10 %, so that what was cached together does not expire together. */
export const jittered = (ttl: number, random = Math.random()): number =>
  Math.max(1, Math.round(ttl * (0.9 + random * 0.2)));

/**
 * After a commit an order's answer is replaced by nothing for so many seconds, and an answer is stored only where
 * there is no value: a reader that asked MySQL before the commit and stores after it finds the place taken.
 */
const GUARD_SECONDS = 5;
const GUARD = '';
/** A reader that took longer than this from asking to storing may have outlived the guard: it does not store. */
export const STORE_WITHIN_MS = 2_500;

/**
 * KEYS: the list version. It is microseconds since 1970, so that none comes back after a FLUSHALL: in milliseconds
 * commits would outrun it.
 */
const bump = script(`
local time = redis.call('TIME')
local version = math.max((tonumber(redis.call('GET', KEYS[1])) or 0) + 1, time[1] * 1000000 + time[2])
redis.call('SET', KEYS[1], string.format('%.0f', version))
`);

/** @param ttl seconds an answer is kept */
export const cachedOrders = ({ attempt }: RedisLink, ttl: number) => {
  const invalidateLists = (): Promise<unknown> => attempt((redis) => bump(redis, keys.listVersion), null);

  return {
    findDetail: (orderId: string): Promise<Buffer | null> =>
      attempt(async (redis) => {
        const json = await redis.getBuffer(keys.detail(orderId));
        return json?.length ? json : null;
      }, null),

    putDetail: (orderId: string, json: Buffer): Promise<unknown> =>
      attempt((redis) => redis.set(keys.detail(orderId), json, 'EX', jittered(ttl), 'NX'), null),

    /** The version that a list read from MySQL from now on may be stored under; null where Redis is away. */
    listVersion: (): Promise<string | null> =>
      attempt(async (redis) => (await redis.get(keys.listVersion)) ?? '0', null),

    findList: (version: string): Promise<string | null> =>
      attempt((redis) => redis.get(keys.list(version)), null),

    putList: (version: string, json: string): Promise<unknown> =>
      attempt((redis) => redis.set(keys.list(version), json, 'EX', jittered(ttl)), null),

    /** After a commit: drops what is cached of orders. */
    invalidateDetails: (orderIds: string[]): Promise<unknown> =>
      attempt(
        (redis) => Promise.all(orderIds.map((id) => redis.set(keys.detail(id), GUARD, 'EX', GUARD_SECONDS))),
        null,
      ),

    /** After a commit: the lists of this version are read no more. */
    invalidateLists,
  };
};
