/** Answers to GET /orders as their bytes, by the version of the list that they show. */
import type { Redis } from 'ioredis';
import type { Budget } from './budget.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { getText } from './redis.ts';
import { script } from './script.ts';

const bumpScript = script('bump');

/** The lists of before are read no more. @returns the new version */
export const bump = (redis: Redis): Promise<unknown> => bumpScript(redis, [keys.listVersion]);

/**
 * Versions are asked for and counted up as everything else is. Lists have a link of their own, with more time: a large
 * one over a slow network delays no pending copy, and takes none with it when it is given up.
 * @param query of the methods: the answer's normalised query, '' for the whole list
 */
export const cachedLists = (
  { attempt, tell }: Pick<RedisLink, 'attempt' | 'tell'>,
  attemptLarge: RedisLink['attempt'],
  { budget, onceBudget }: { budget: Budget; onceBudget: Budget },
) => {
  let reading: Promise<string | null> | undefined;

  return {
    /**
     * The version that a list read from MySQL from now on may be stored under; null where Redis is away. All who
     * ask in one turn of the event loop share one question, which leaves when the turn ends: after the last has asked.
     */
    version: (): Promise<string | null> => {
      if (reading === undefined) {
        reading = attempt(
          // Without a version, as after a flush, a new one is made: lists under any earlier version may be old.
          async (redis) => (await getText(redis, keys.listVersion)) ?? String(await bump(redis)),
          null,
        );
        setImmediate(() => {
          reading = undefined;
        });
      }
      return reading;
    },

    /** An answer and the milliseconds that it has left, or null. */
    find: (version: string, query: string): Promise<{ bytes: Buffer; ttlMs: number } | null> =>
      attemptLarge(async (redis) => {
        const key = keys.list(version, query);
        const [bytes, ttlMs] = await Promise.all([redis.getBuffer(key), redis.pttl(key)]);
        return bytes !== null && ttlMs > 0 ? { bytes, ttlMs } : null;
      }, null),

    /**
     * Keeps an answer for a whole number of milliseconds, where there is room for it.
     * @param askedOnce whether nobody has asked for it twice yet: all of these have a part of the room
     * @returns true where it is kept
     */
    put: (
      version: string,
      query: string,
      bytes: Buffer,
      ttlMs: number,
      askedOnce = false,
    ): Promise<unknown> =>
      attemptLarge(async (redis) => {
        if (!(askedOnce ? onceBudget : budget).take(bytes.length, ttlMs)) return false;
        await redis.set(keys.list(version, query), bytes, 'PX', ttlMs);
        return true;
      }, false),

    /** After a commit: the lists of this version are read no more. */
    invalidate: (): Promise<void> => tell({ tell: bump, bytes: 0, name: 'lists' }),
  };
};
