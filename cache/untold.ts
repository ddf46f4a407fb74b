/** Keeps what Redis could not be told while it was away, in its order, up to a number of bytes. */
import type { Redis } from 'ioredis';

/** Something that Redis must be told, now or later. To tell it twice must do no harm. */
export interface Telling {
  tell: (redis: Redis) => Promise<unknown>;
  /** About how much memory it takes. */
  bytes: number;
  /** All tellings with the same name are equal: it is enough to tell the first of them. */
  name?: string;
}

/** Enough for some 50,000 orders that were applied. */
const MAX_BYTES = 16 * 2 ** 20;
const TOLD_TOGETHER = 100;

/** Makes an empty list of what is still to be told. @param maxBytes how much of it is kept */
export const createUntold = (maxBytes = MAX_BYTES) => {
  let waiting: Telling[] = [];
  let bytes = 0;
  let forgotten = false;

  /** Forgets the oldest: of what they concern the least is still cached. */
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

    /** Whether something was forgotten since this was last asked. */
    hasForgotten: (): boolean => {
      const before = forgotten;
      forgotten = false;
      return before;
    },
    /** To be called if `hasForgotten` was true and the caller could not act on that: it will be true again. */
    stillForgotten: (): void => {
      forgotten = true;
    },

    /**
     * Adds something to be told, unless something with its name is there. If it gets too much, the oldest is forgotten.
     */
    add: (telling: Telling): void => {
      if (telling.name !== undefined && waiting.some(({ name }) => name === telling.name)) return;
      waiting.push(telling);
      bytes += telling.bytes;
      if (bytes > maxBytes) forget();
    },

    /** Removes something that need not be told after all. */
    remove: (telling: Telling): void => {
      waiting = waiting.filter((other) => other !== telling);
      count();
    },

    /**
     * Tells Redis everything, in its order.
     * @param isFutile whether an error concerns only what was being told: then that is not told again
     * @throws the first other error; what is not told yet stays
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
