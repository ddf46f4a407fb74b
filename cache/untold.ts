/** What could not be told to Redis while it was away, in the order in which it came, up to a number of bytes. */
import type { Redis } from 'ioredis';

/** Something that Redis must be told, now or later. Telling it twice must be as good as once. */
export interface Telling {
  tell: (redis: Redis) => Promise<unknown>;
  /** About what it takes in memory. */
  bytes: number;
  /** Where it is enough that the first of those with this name is told. */
  name?: string;
}

/** Some 50,000 orders that were applied. */
const MAX_BYTES = 16 * 2 ** 20;
const TOLD_TOGETHER = 100;

export const createUntold = (maxBytes = MAX_BYTES) => {
  let waiting: Telling[] = [];
  let bytes = 0;
  let forgotten = false;

  /** Those that came first go first: of them the least is still cached. */
  const forget = () => {
    const last = waiting.findIndex(({ bytes: some }) => {
      bytes -= some;
      return bytes <= maxBytes / 2;
    });
    waiting = waiting.slice(last + 1);
    forgotten = true;
  };

  const count = () => {
    bytes = waiting.reduce((sum, telling) => sum + telling.bytes, 0);
  };

  return {
    isEmpty: (): boolean => waiting.length === 0,

    /** Whether something was forgotten since this was asked last. */
    hasForgotten: (): boolean => {
      const before = forgotten;
      forgotten = false;
      return before;
    },
    /** Something was forgotten, and who asked for it could not act upon that. */
    stillForgotten: (): void => {
      forgotten = true;
    },

    add: (telling: Telling): void => {
      if (telling.name !== undefined && waiting.some(({ name }) => name === telling.name)) return;
      waiting.push(telling);
      bytes += telling.bytes;
      if (bytes > maxBytes) forget();
    },

    /** Another found that it need not be told. */
    remove: (telling: Telling): void => {
      waiting = waiting.filter((other) => other !== telling);
      count();
    },

    /**
     * Tells what waits, in its order.
     * @param isFutile whether telling something failed for its own sake: then it is not told again
     * @throws the first other failure; what is not told yet stays
     */
    tellAll: async (redis: Redis, isFutile: (error: unknown) => Promise<boolean>): Promise<void> => {
      while (waiting.length > 0) {
        const some = waiting.slice(0, TOLD_TOGETHER);
        const told = await Promise.allSettled(some.map(({ tell }) => tell(redis)));
        for (const one of told)
          if (one.status === 'rejected' && !(await isFutile(one.reason))) throw one.reason;
        const done = new Set(some);
        waiting = waiting.filter((telling) => !done.has(telling));
        count();
      }
    },
  };
};
