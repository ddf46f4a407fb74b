/** Cached answers to GET /orders, as bytes. Each is stored under the version of the list that it shows. */
import type { Redis } from 'ioredis';
import type { Budget } from './budget.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { getText } from './redis.ts';
import { script } from './script.ts';

const bumpScript = script('bump');

/**
 * Begins a new version, so that nobody reads the lists of earlier ones.
 * @returns the new version
 * @throws Redis's error
 */
export const bump = (redis: Redis): Promise<unknown> => bumpScript(redis, [keys.listVersion]);

/**
 * The cached lists. Their versions go over the link that everything uses (`attempt`, `tell`). The lists themselves go
 * over a link of their own (`attemptLarge`), with more time: a large list over a slow network then delays no pending
 * copy, and fails none when it takes too long. In all methods `query` is the answer's normalised query, '' for the
 * whole list.
 * @param budget how much this process may put into Redis
 * @param onceBudget the same for answers that nobody has asked for twice
 */
export const cachedLists = (
  { attempt, tell }: Pick<RedisLink, 'attempt' | 'tell'>,
  attemptLarge: RedisLink['attempt'],
  { budget, onceBudget }: { budget: Budget; onceBudget: Budget },
) => {
  let reading: Promise<string | null> | undefined;

  return {
    /**
     * The version under which a list may be stored that is read from MySQL after this; null if Redis is away. All who
     * ask in one turn of the event loop share a question. It is sent at the end of the turn, so after the last of them
     * asked.
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

    /** A cached answer and how many milliseconds it has left, or null. Never rejects. */
    find: (version: string, query: string): Promise<{ bytes: Buffer; ttlMs: number } | null> =>
      attemptLarge(async (redis) => {
        const key = keys.list(version, query);
        const [bytes, ttlMs] = await Promise.all([redis.getBuffer(key), redis.pttl(key)]);
        return bytes !== null && ttlMs > 0 ? { bytes, ttlMs } : null;
      }, null),

    /**
     * Stores an answer if there is room for it. Never rejects.
     * @param ttlMs for how many milliseconds, a whole number
     * @param askedOnce whether nobody has asked for it twice yet; all such answers have a part of the room
     * @returns true if it is stored
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

    /** To be called after a commit: nobody reads the lists that are cached by now any more. Never rejects. */
    invalidate: (): Promise<void> => tell({ tell: bump, bytes: 0, name: 'lists' }),
  };
};
