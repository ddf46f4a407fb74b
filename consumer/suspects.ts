/**
 * Handles suspects, which are jobs that the broker has delivered before: one of them may have ended the process that
 * took it. A job's first delivery is not counted, so ordinary jobs cost nothing; from the second on it is counted in
 * the database before the job is begun. The more often a job was begun, the fewer others are begun with it. So in the
 * end the culprit is alone and its neighbours are done.
 */
import { countBegins, readBegins, removeBegins } from '../db/begun-jobs.ts';
import type { Entry } from '../jobs/applied.ts';
import type { Rest } from './batches.ts';
import { type Handling, handleBatch, patiently } from './handle.ts';

const NARROWING = 8;

/**
 * How many suspects are begun at once.
 * @param times how often the first of them was counted before
 * @param batchSize the most jobs in an ordinary batch
 * @param maxAttempts how often a job may be begun before it is a dead letter
 */
export const suspectsAtOnce = (times: number, batchSize: number, maxAttempts: number): number =>
  times + 1 >= maxAttempts ? 1 : Math.max(1, Math.floor(batchSize / NARROWING ** (times + 1)));

/** Handles jobs that were delivered before. Nothing else may be in flight meanwhile. Rejects as `handleBatch` does. */
export const handleSuspects = async (suspects: Entry[], rest: Rest, handling: Handling): Promise<void> => {
  const { orm, outcomes, batchSize, maxAttempts, track, ending } = handling;
  const idsOf = (entries: Entry[]) => [...new Set(entries.map(({ job }) => job.job_id))];
  /** If these queries fail, it is the server's fault, so they wait until they succeed. */
  const ask = <T>(work: () => Promise<T>) => patiently(work, handling);
  const begins = await ask(() => readBegins(orm, idsOf(suspects)));
  const timesOf = ({ job }: Entry) => begins.get(job.job_id) ?? 0;
  /** Makes a job a dead letter. Nobody waits for this, as a broker that is short of memory takes no messages. */
  const bury = async (entry: Entry): Promise<void> => {
    if (!(await outcomes.crashed(entry))) return;
    // This rejects only if the process ends; then a count is left that nobody reads.
    await ask(() => removeBegins(orm, idsOf([entry]))).catch(() => {});
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
    await ask(() => removeBegins(orm, ids));
  }
};
