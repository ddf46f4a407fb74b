/**
 * Jobs that the broker has delivered before: one of them may have ended the process that took it. The first time
 * nobody counts, so that ordinary jobs cost nothing; from then on the count is in the database before a job is
 * begun. The more often a job was begun, the fewer others are begun with it, so that in the end the culprit is
 * alone and its neighbours are done.
 */
import { countBegins, forgetBegins, readBegins } from '../db/begun-jobs.ts';
import type { Entry } from '../jobs/applied.ts';
import type { Rest } from './batches.ts';
import { type Handling, handleBatch, patiently } from './handle.ts';

const NARROWING = 8;

/**
 * How many suspects are begun at once.
 * @param times how often the first of them was begun and counted before
 */
export const suspectsAtOnce = (times: number, batchSize: number, maxAttempts: number): number =>
  times + 1 >= maxAttempts ? 1 : Math.max(1, Math.floor(batchSize / NARROWING ** (times + 1)));

/** Handles jobs that were delivered before. Nothing else may be in flight. Rejects as `handleBatch` does. */
export const handleSuspects = async (suspects: Entry[], rest: Rest, handling: Handling): Promise<void> => {
  const { orm, outcomes, batchSize, maxAttempts, track, ending } = handling;
  const idsOf = (entries: Entry[]) => [...new Set(entries.map(({ job }) => job.job_id))];
  /** These queries may fail for the server's sake only, so they wait. */
  const ask = <T>(work: () => Promise<T>) => patiently(work, handling);
  const begins = await ask(() => readBegins(orm, idsOf(suspects)));
  const timesOf = ({ job }: Entry) => begins.get(job.job_id) ?? 0;
  /** Nobody waits for this move: a broker short of memory takes no messages. */
  const bury = async (entry: Entry): Promise<void> => {
    if (!(await outcomes.crashed(entry))) return;
    // This rejects only if the process ends; then a count is left that nobody reads.
    await ask(() => forgetBegins(orm, idsOf([entry]))).catch(() => {});
  };

  let others = suspects.toSorted((a, b) => timesOf(a) - timesOf(b));
  while (others.length > 0 && !ending.aborted) {
    const times = others[0] ? timesOf(others[0]) : 0;
    const isAlike = (entry: Entry) => timesOf(entry) === times;
    const batch = others.filter(isAlike).slice(0, suspectsAtOnce(times, batchSize, maxAttempts));
    others = others.slice(batch.length);
    if (times >= maxAttempts) {
      for (const entry of batch) track(bury(entry));
      continue;
    }
    const ids = idsOf(batch);
    await ask(() => countBegins(orm, ids));
    await handleBatch(batch, rest, handling);
    await ask(() => forgetBegins(orm, ids));
  }
};
