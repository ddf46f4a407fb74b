/**
 * Watches whether Redis will keep what it was given. If its memory is full and its `maxmemory-policy` is not
 * noeviction, Redis evicts keys to make room. Pending copies may be among them, as they have a TTL, and readers then
 * miss orders that were accepted. With noeviction it refuses new keys instead, which the link notices
 * (https://redis.io/docs/latest/develop/reference/eviction/).
 */
import type { Redis } from 'ioredis';
import type { Observer } from '../process/observer.ts';

/** Memory is short from the first part of maxmemory on, until less than the second is used. */
const SHORT_FROM = 0.9;
const SHORT_UNTIL = 0.8;

const fieldOf = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];

/**
 * Watches the memory of Redis, and tells the observer what has changed.
 * @param evicted is called by `look` if Redis has evicted keys since the last look
 */
export const memoryWatch = (observer: Observer, evicted: (redis: Redis) => Promise<unknown>) => {
  let concern: string | undefined;
  let short = false;
  let lastEvicted = 0;

  const judge = (info: string): string | undefined => {
    const [max, used] = ['maxmemory', 'used_memory'].map((name) => Number(fieldOf(info, name)));
    const policy = fieldOf(info, 'maxmemory_policy');
    // A server that does not tell its limit counts as one without.
    if (!max || used === undefined) return undefined;
    short = used >= max * (short ? SHORT_UNTIL : SHORT_FROM);
    if (policy !== undefined && policy !== 'noeviction')
      return `maxmemory-policy is ${policy}, which may evict accepted orders: set noeviction.`;
    return short ? 'More than 80 % of maxmemory is used.' : undefined;
  };

  return {
    /** A sentence that says why Redis may lose keys, as of the last look; undefined if it will not. */
    concern: () => concern,

    /** Asks Redis how its memory is. @throws if Redis does not answer or does not let this account ask */
    look: async (redis: Redis): Promise<void> => {
      const [memory, stats] = await Promise.all([redis.info('memory'), redis.info('stats')]);
      const now = judge(memory);
      if (now !== concern && now !== undefined) observer.memoryUnsafe({ reason: now });
      if (now === undefined && concern !== undefined) observer.memorySafe({});
      concern = now;
      const count = Number(fieldOf(stats, 'evicted_keys')) || 0;
      if (count > lastEvicted) await evicted(redis);
      lastEvicted = count;
    },
  };
};
