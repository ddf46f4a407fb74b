/** Tries a batch until each of its jobs has an outcome (jobs/outcomes.ts), and finds the job that makes others fail. */
import { setTimeout as sleep } from 'node:timers/promises';
import { blameOf, mayBeSplit, reasonOf } from '../db/errors.ts';
import { type Applied, countVerdicts, type Entry } from '../jobs/applied.ts';
import type { Outcomes } from '../jobs/outcomes.ts';
import { type Applying, applyJobs } from './apply.ts';
import type { Rest } from './batches.ts';
import { accepted } from './times.ts';

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** How long it takes at least until the observer is told again that jobs wait. */
const REMIND_MS = 60_000;
/** After so many failures that are the server's fault, a batch is split, so that those jobs get through that can. */
const TRIES_TO_SPLIT = 4;
/**
 * Halving finds one bad job within so many failures, however large the batch is. If there are more, no job gets
 * through.
 */
const FAILURES_IN_A_ROW = 16;

export interface Handling extends Applying {
  outcomes: Outcomes;
  batchSize: number;
  maxAttempts: number;
  /** How many batches were applied. It shows whether the server is well while a job fails. */
  progress: { applied: number };
  /** Takes work that no batch waits for but that must be over before the process ends. */
  track: (work: Promise<void>) => void;
  /** Aborted when the process is to end. */
  ending: AbortSignal;
}

/** The delay in milliseconds after try number `tries` (from 0), jittered so that consumers do not come back in step. */
const backoff = (tries: number): number =>
  Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** tries) * (0.5 + Math.random() / 2);

/** Makes a function that waits between two tries, and tells the observer from time to time. */
const waiter = ({ observer, ending }: Handling) => {
  let remindAt = 0;
  return async (tries: number, error: unknown, jobs?: number): Promise<void> => {
    if (performance.now() >= remindAt) {
      observer.batchWaits({ reason: reasonOf(error), jobs, tries: tries + 1 });
      remindAt = performance.now() + REMIND_MS;
    }
    await sleep(backoff(tries), undefined, { signal: ending });
  };
};

/**
 * Does a query about jobs, and tries it again for as long as it takes, as a failure is never the jobs' fault.
 * @throws only if `ending` is aborted while it waits
 */
export const patiently = async <T>(work: () => Promise<T>, handling: Handling): Promise<T> => {
  const wait = waiter(handling);
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      await wait(tries, error);
    }
  }
};

/** Jobs that failed together, through no fault of their own. */
interface Left {
  entries: Entry[];
  error: unknown;
}

/**
 * Applies jobs once. If that fails through a job's fault, the jobs are split until that job is alone, and it gets its
 * outcome.
 * @param patience after how many failures of the server in a row jobs are still split as well
 * @returns the jobs that have to be tried again
 */
const tryBatch = async (
  entries: Entry[],
  handling: Handling,
  patience: { max: number; left: number },
): Promise<Left[]> => {
  const { observer, outcomes } = handling;
  const started = performance.now();
  observer.batchBegun({ jobs: entries.length });
  const jobs = entries.map(accepted);
  let applied: Applied;
  try {
    applied = await applyJobs(handling, jobs);
  } catch (error) {
    if (handling.ending.aborted) throw error;
    const isJobs = blameOf(error) === 'job';
    const [first] = entries;
    if (isJobs && first && entries.length === 1) {
      outcomes.failed(first, 'failed', reasonOf(error));
      return [];
    }
    if (!isJobs && (entries.length === 1 || !mayBeSplit(error) || --patience.left < 0))
      return [{ entries, error }];
    observer.batchSplit({ jobs: entries.length, reason: reasonOf(error) });
    const half = Math.ceil(entries.length / 2);
    return [
      ...(await tryBatch(entries.slice(0, half), handling, patience)),
      ...(await tryBatch(entries.slice(half), handling, patience)),
    ];
  }
  handling.progress.applied++;
  patience.left = patience.max;
  const ms = Math.round(performance.now() - started);
  const transaction = { began: started, ms };
  const carriers = () => entries.map(({ delivery }) => delivery.carrier);
  const verdicts = countVerdicts(applied);
  observer.batchCommitted({ jobs: entries.length, ms, verdicts, transaction, carriers });
  await outcomes.applied(entries, applied, transaction);
  return [];
};

/**
 * Applies a batch and answers its deliveries. If the server is at fault, jobs are tried again for as long as it takes.
 * If an error does not tell whose fault it is, it counts as the job's fault if it meets only this job while others get
 * through. Rejects only if `ending` cuts its waiting short: jobs that are not answered then go back to the queue.
 */
export const handleBatch = async (batch: Entry[], rest: Rest, handling: Handling): Promise<void> => {
  const { outcomes, progress } = handling;
  const wait = waiter(handling);
  let entries = batch;
  const before = progress.applied;
  for (let tries = 0; entries.length > 0; tries++) {
    const max = (tries + 1) % TRIES_TO_SPLIT === 0 ? FAILURES_IN_A_ROW : 0;
    const left = await tryBatch(entries, handling, { max, left: max });
    const isSuspect = ({ entries, error }: Left) =>
      tries + 1 >= TRIES_TO_SPLIT &&
      entries.length === 1 &&
      blameOf(error) === 'unknown' &&
      progress.applied > before;
    const waiting = left.filter((one) => !isSuspect(one));
    for (const suspect of left.filter(isSuspect)) {
      // Try once more now that the server is well: the failure may have been its last one.
      for (const again of await tryBatch(suspect.entries, handling, { max: 0, left: 0 })) {
        if (blameOf(again.error) !== 'unknown') waiting.push(again);
        else for (const entry of again.entries) outcomes.failed(entry, 'failed', reasonOf(again.error));
      }
    }
    entries = waiting.flatMap(({ entries }) => entries);
    const [first] = waiting;
    if (!first) return;
    const pause = wait(tries, first.error, entries.length);
    // If the server does not answer at all, other batches would only fail as well: none is begun meanwhile.
    await (mayBeSplit(first.error) ? rest(pause) : pause);
  }
};
