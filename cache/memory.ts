/**
 * Whether Redis will keep what it was given. With any `maxmemory-policy` but noeviction a Redis whose memory is full
 * evicts keys to take new ones: pending copies are among those that may go (they have a TTL), and with them orders
 * that were accepted. With noeviction it refuses new ones, which the link notices
 * (https://redis.io/docs/latest/develop/reference/eviction/).
 */
import type { Redis } from 'ioredis';
import type { Observer } from '../process/observer.ts';

/** Of maxmemory: from there on memory is short, and below that no more. */
const SHORT_FROM = 0.9;
const SHORT_UNTIL = 0.8;

const fieldOf = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];

/** @param evicted is called when Redis has evicted keys since this was asked last */
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
    /** What keeps Redis from being relied on, or undefined. */
    concern: () => concern,

    /** Asks Redis, and tells what has changed. @throws where it does not answer, or may not be asked */
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
