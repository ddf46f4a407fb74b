/**
 * Watches whether Redis will keep what it was given. If its memory is full and its `maxmemory-policy` is not
 * noeviction, Redis evicts keys to make room. Pending copies may be among them, as they have a TTL, and readers then
 * miss orders that were accepted. With noeviction it refuses new keys instead, which the link notices
 * (https://redis.io/docs/latest/develop/reference/eviction/).
 */
import type { Redis } from 'ioredis';
import type { Observer } from '../process/observer.ts';
import { mastersOf } from './masters.ts';

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
  /** Of each master by its address: whether its memory is short, and how many keys it has evicted. */
  const known = new Map<string, { short: boolean; evicted: number }>();

  const judge = (info: string, wasShort: boolean): { short: boolean; concern?: string } => {
    const [max, used] = ['maxmemory', 'used_memory'].map((name) => Number(fieldOf(info, name)));
    const policy = fieldOf(info, 'maxmemory_policy');
    // A server that does not tell its limit counts as one without.
    if (!max || used === undefined) return { short: false };
    const short = used >= max * (wasShort ? SHORT_UNTIL : SHORT_FROM);
    if (policy !== undefined && policy !== 'noeviction')
      return {
        short,
        concern: `maxmemory-policy is ${policy}, which may evict accepted orders: set noeviction.`,
      };
    return short ? { short, concern: 'More than 80 % of maxmemory is used.' } : { short };
  };

  /** @returns what concerns us about a master, and whether it has evicted keys since the last look */
  const lookAt = async (master: Redis) => {
    const [memory, stats] = await Promise.all([master.info('memory'), master.info('stats')]);
    const name = `${master.options.host}:${master.options.port}`;
    const before = known.get(name) ?? { short: false, evicted: 0 };
    const now = judge(memory, before.short);
    const evicted = Number(fieldOf(stats, 'evicted_keys')) || 0;
    known.set(name, { short: now.short, evicted });
    return { concern: now.concern, hasEvicted: evicted > before.evicted };
  };

  return {
    /** A sentence that says why Redis may lose keys, as of the last look; undefined if it will not. */
    concern: () => concern,

    /** Asks each master how its memory is. @throws if one does not answer or does not let this account ask */
    look: async (redis: Redis): Promise<void> => {
      const seen = await Promise.all(mastersOf(redis).map(lookAt));
      const now = seen.find((one) => one.concern !== undefined)?.concern;
      if (now !== concern && now !== undefined) observer.memoryUnsafe({ reason: now });
      if (now === undefined && concern !== undefined) observer.memorySafe({});
      concern = now;
      if (seen.some(({ hasEvicted }) => hasEvicted)) await evicted(redis);
    },
  };
};
