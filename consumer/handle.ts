/** A batch from arrival to answer: the only place that turns what became of jobs into answers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../cache/cache.ts';
import { giveUpJob } from '../cache/dead-jobs.ts';
import { blameOf, mayBeSplit, reasonOf } from '../db/errors.ts';
import type { Delivery } from '../queue/deliveries.ts';
import { type Applied, type Applying, applyJobs } from './apply.ts';
import type { Entry, Rest } from './batches.ts';
import { accepted } from './times.ts';

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** How often the log says that jobs still wait. */
const REMIND_MS = 60_000;
/** A batch that failed so often for the server's sake is split, to let those through that can be applied. */
const TRIES_TO_SPLIT = 4;
/** A batch of any size finds one job that fails in so many failures: more mean that no job gets through. */
const FAILURES_IN_A_ROW = 16;

export interface Handling extends Applying {
  cache: Cache;
  batchSize: number;
  maxAttempts: number;
  /** How many batches were applied: whether the server is well while a job fails. */
  progress: { applied: number };
  /** Tells the broker that the jobs of these deliveries are done. */
  acknowledge: (deliveries: Delivery[]) => void;
  /** Takes what no batch waits for, and what must be over before the process ends. */
  track: (work: Promise<void>) => void;
  /** Aborted when the process is to end. */
  ending: AbortSignal;
}

/** Delay before try number `tries` (from 0), jittered so that consumers do not come back in step. */
const backoff = (tries: number): number =>
  Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** tries) * (0.5 + Math.random() / 2);

/** Waits between two tries, and says so now and then. */
const waiter = ({ log, ending }: Handling) => {
  let remindAt = 0;
  return async (tries: number, error: unknown, jobs?: number): Promise<void> => {
    if (performance.now() >= remindAt) {
      log.warn({ reason: reasonOf(error), jobs, tries: tries + 1 }, 'jobs wait for MySQL');
      remindAt = performance.now() + REMIND_MS;
    }
    await sleep(backoff(tries), undefined, { signal: ending });
  };
};

/** Asks the database about jobs, waiting for as long as it takes: whatever fails, it is not their fault. */
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

/** What log lines say of a job. */
export const named = ({ job, delivery }: Entry) => ({
  request_id: delivery.requestId,
  job_id: job.job_id,
  job_type: job.type,
  order_id: job.payload.order_id,
});

/**
 * Tells Redis what MySQL holds now. Also for jobs that changed nothing: whoever applied them may have died before
 * it came to this.
 */
const refreshCache = async (cache: Cache, batch: Entry[], { outcomes, states }: Applied): Promise<void> => {
  const newest = new Map<string, number>();
  const unversioned = new Set<string>();
  /** A new order has no cached answer. */
  const changed = new Set<string>();
  for (const { job } of batch) {
    const { order_id: id } = job.payload;
    const outcome = outcomes.get(job);
    if (outcome !== 'applied' && outcome !== 'unchanged') continue;
    newest.set(id, Math.max(newest.get(id) ?? 0, job.version ?? 0));
    if (job.version === undefined) unversioned.add(id);
    if (job.type !== 'create_order') changed.add(id);
  }
  const settled = [...newest].flatMap(([orderId, version]) => {
    const state = states.get(orderId);
    if (state === undefined) return [];
    // A POST that was sent again with its Idempotency-Key is newer than the row that it found: it waits no more,
    // and what is seen of it may be older than the row.
    const isRepeated = state !== 'deleted' && state < version;
    return {
      orderId,
      state: isRepeated ? version : state,
      versioned: !isRepeated && !unversioned.has(orderId),
    };
  });
  if (settled.length === 0) return;
  await Promise.all([
    // Before the copies that stand in front of what is cached.
    cache.orders.invalidateDetails([...changed]),
    cache.pending.settle(settled),
    cache.lists.invalidate(),
  ]);
};

/** A job is a dead letter, or void: readers see it no more. */
export const giveUp = ({ job }: Entry, cache: Cache): Promise<void> => giveUpJob(cache.pending, job);

/** A batch does not wait for that: a broker short of memory takes no messages, but acknowledgements all the same. */
const retry = (entry: Entry, reason: string, error: string, { cache, log, track }: Handling): void => {
  const move = async () => {
    const became = await entry.delivery.retry(reason, error);
    log.warn({ ...named(entry), became, reason, error }, 'the job failed');
    if (became === 'dead') await giveUp(entry, cache);
  };
  track(move());
};

/** Nor for that. */
const refuse = (entry: Entry, problem: string, { cache, log, track }: Handling): void => {
  const move = async () => {
    const became = await entry.delivery.deadLetter('invalid_message', problem);
    log.warn({ ...named(entry), became, reason: problem }, 'a message is no job');
    if (became === 'dead') await giveUp(entry, cache);
  };
  track(move());
};

/** Answers the deliveries of jobs that were applied. */
const answer = async (
  batch: Entry[],
  applied: Applied,
  started: number,
  handling: Handling,
): Promise<void> => {
  const { cache, log, acknowledge } = handling;
  await refreshCache(cache, batch, applied);
  const { outcomes, problems } = applied;
  const done: Entry[] = [];
  const voided: Entry[] = [];
  for (const entry of batch) {
    const outcome = outcomes.get(entry.job);
    if (outcome === 'order_not_found')
      retry(entry, outcome, `There is no order ${entry.job.payload.order_id}.`, handling);
    else if (outcome === 'invalid') refuse(entry, problems.get(entry.job) ?? '', handling);
    else done.push(entry);
    if (outcome === 'void') voided.push(entry);
  }
  if (voided.length > 0) {
    log.warn({ jobs: voided.length }, 'jobs that were accepted before the last reset are void');
    await Promise.all(voided.map((entry) => giveUp(entry, cache)));
  }
  acknowledge(done.map(({ delivery }) => delivery));
  const ms = Math.round(performance.now() - started);
  for (const entry of done) log.info({ ...named(entry), outcome: outcomes.get(entry.job), ms }, 'job done');
};

/** Jobs that failed together, not for their own sake. */
interface Left {
  entries: Entry[];
  error: unknown;
}

/**
 * Applies jobs once. Where that fails for one job's sake they are split until that job is alone, which is answered.
 * @param patience how many failures of the server's in a row are met by splitting as well
 * @returns what is left to be tried again
 */
const tryBatch = async (
  entries: Entry[],
  handling: Handling,
  patience: { max: number; left: number },
): Promise<Left[]> => {
  const started = performance.now();
  const jobs = entries.map(accepted);
  let applied: Applied;
  try {
    applied = await applyJobs(handling, jobs);
  } catch (error) {
    if (handling.ending.aborted) throw error;
    const isJobs = blameOf(error) === 'job';
    const [first] = entries;
    if (isJobs && first && entries.length === 1) {
      retry(first, 'failed', reasonOf(error), handling);
      return [];
    }
    if (!isJobs && (entries.length === 1 || !mayBeSplit(error) || --patience.left < 0))
      return [{ entries, error }];
    handling.log.debug({ jobs: entries.length, reason: reasonOf(error) }, 'a batch failed and is split');
    const half = Math.ceil(entries.length / 2);
    return [
      ...(await tryBatch(entries.slice(0, half), handling, patience)),
      ...(await tryBatch(entries.slice(half), handling, patience)),
    ];
  }
  handling.progress.applied++;
  patience.left = patience.max;
  await answer(entries, applied, started, handling);
  return [];
};

/**
 * Applies a batch and answers its deliveries. What fails for the server's sake is tried again for as long as it takes.
 * An error that says nothing of whose fault it is, is the job's where it meets this job alone while others get through.
 * Rejects only when `ending` cuts its waiting short: what is not answered then goes back to the queue.
 */
export const handleBatch = async (batch: Entry[], rest: Rest, handling: Handling): Promise<void> => {
  const { progress } = handling;
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
      // Once more, now that the server is well: it may have been the last to meet what is over.
      for (const again of await tryBatch(suspect.entries, handling, { max: 0, left: 0 })) {
        if (blameOf(again.error) !== 'unknown') waiting.push(again);
        else for (const entry of again.entries) retry(entry, 'failed', reasonOf(again.error), handling);
      }
    }
    entries = waiting.flatMap(({ entries }) => entries);
    const [first] = waiting;
    if (!first) return;
    const pause = wait(tries, first.error, entries.length);
    // Others only find the same where the server does not answer at all.
    await (mayBeSplit(first.error) ? rest(pause) : pause);
  }
};
