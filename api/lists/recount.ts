/**
 * Keeping the number of orders right where other programs insert and delete some: the Flask service beside this one, or
 * a person with SQL. This service counts its own as it goes (db/counts.ts), so there is most often nothing to correct.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../../cache/cache.ts';
import type { Database } from '../../db/client.ts';
import { correctCount, lockCounts } from '../../db/counts.ts';
import type { Observer } from '../../process/observer.ts';

/** The number is to be right within a minute, and a list of before may be cached for half of that. */
const INTERVAL_MS = 20_000;
/** Counting millions of orders takes the database seconds: it shall have fifty times as long without. */
const REST = 50;

interface Backends {
  database: Database;
  cache: Cache;
  observer: Observer;
}

/**
 * Counts now and then, if no other process does, until it is told to stop.
 * @param intervalMs between two counts at the least
 * @returns stops it
 */
export const keepCountRight = (
  { database, cache, observer }: Backends,
  intervalMs = INTERVAL_MS,
): (() => void) => {
  const stop = new AbortController();
  const { signal } = stop;
  const pause = (ms: number) => sleep(ms, undefined, { signal, ref: false });

  const countWhileAlone = () =>
    database.alone(async (alone) => {
      if (!(await lockCounts(alone))) return;
      while (!signal.aborted) {
        const began = performance.now();
        const difference = await correctCount(alone);
        if (difference !== 0) {
          observer.countCorrected({ difference });
          await cache.lists.invalidate();
        }
        await pause(Math.max(intervalMs, REST * (performance.now() - began)));
      }
    });
  const keep = async () => {
    while (!signal.aborted) {
      await pause(intervalMs);
      // Whether MySQL is there is told elsewhere; without it there is nothing to count.
      await countWhileAlone().catch(() => {});
    }
  };
  keep().catch(() => {});
  return () => stop.abort();
};
