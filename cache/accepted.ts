/**
 * How many writes all API processes accept. Each of them adds to a short stream, once a second at most, how many it has
 * accepted since: so a process that accepts nothing costs nothing, and one that is gone leaves nothing behind.
 */
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** Enough for some seconds of a hundred processes. */
const KEPT = 500;

/** None of the methods rejects. With CACHE_DISABLED nothing is noted. */
export const acceptedWrites = ({ attempt }: RedisLink) => ({
  note: (writes: number): Promise<unknown> =>
    attempt((redis) => redis.xadd(keys.accepted, 'MAXLEN', '~', KEPT, '*', 'writes', writes), null),

  /**
   * Adds up what was noted after a place.
   * @param place where the answer before this one ended; undefined to begin now
   * @returns how many writes, and where the next question begins; undefined if Redis is away
   */
  since: (place: string | undefined): Promise<{ writes: number; place: string } | undefined> =>
    attempt(async (redis) => {
      if (place === undefined) {
        const [last] = await redis.xrevrange(keys.accepted, '+', '-', 'COUNT', 1);
        return { writes: 0, place: last?.[0] ?? '0-0' };
      }
      const entries = await redis.xrange(keys.accepted, `(${place}`, '+');
      const writes = entries.reduce((sum, [, [, noted]]) => sum + Number(noted), 0);
      return { writes, place: entries.at(-1)?.[0] ?? place };
    }, undefined),
});
