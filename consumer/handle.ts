/** A batch from arrival to answer: the only place that turns what became of jobs into answers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../cache/cache.ts';
import { isSystemFailure, reasonOf } from '../db/errors.ts';
import type { Delivery } from '../queue/deliveries.ts';
import { type Applied, type Applying, applyJobs, type Outcome } from './apply.ts';
import type { Entry } from './batches.ts';
import { accepted } from './times.ts';

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5_000;

export interface Handling extends Applying {
  cache: Cache;
  batchSize: number;
  maxAttempts: number;
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

/**
 * Asks the database, waiting for one that is away for as long as it takes: that is not the jobs' fault.
 * @param passes which failures are not
 */
export const patiently = async <T>(
  work: () => Promise<T>,
  { log, ending }: Handling,
  passes: (error: unknown) => boolean = isSystemFailure,
): Promise<T> => {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!passes(error)) throw error;
      if (tries === 0) log.warn({ reason: reasonOf(error) }, 'jobs wait for MySQL');
      await sleep(backoff(tries), undefined, { signal: ending });
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
export const giveUp = async ({ job }: Entry, cache: Cache): Promise<void> => {
  if (job.version === undefined) return;
  await cache.pending.giveUp(job.payload.order_id, job.version, job.type === 'create_order');
};

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

/**
 * Applies a batch and answers its deliveries. Where it fails for one job's sake it is split until that job is
 * alone. Rejects only when `ending` cuts its waiting short: what is not answered then goes back to the queue.
 */
export const handleBatch = async (batch: Entry[], handling: Handling): Promise<void> => {
  const { cache, log, ending } = handling;
  const started = performance.now();
  const jobs = batch.map(accepted);
  let applied: Applied;
  try {
    applied = await patiently(() => applyJobs(handling, jobs), handling);
  } catch (error) {
    if (ending.aborted) throw error;
    const [first] = batch;
    if (first && batch.length === 1) return retry(first, 'failed', reasonOf(error), handling);
    log.debug({ jobs: batch.length, reason: reasonOf(error) }, 'a batch failed and is split');
    const half = Math.ceil(batch.length / 2);
    await handleBatch(batch.slice(0, half), handling);
    return handleBatch(batch.slice(half), handling);
  }

  await refreshCache(cache, batch, applied);
  const { outcomes, problems } = applied;
  const having = (outcome: Outcome) => batch.filter(({ job }) => outcomes.get(job) === outcome);
  const voided = having('void');
  if (voided.length > 0) {
    log.warn({ jobs: voided.length }, 'jobs that were accepted before the last reset are void');
    await Promise.all(voided.map((entry) => giveUp(entry, cache)));
  }
  const missing = having('order_not_found');
  const done = batch.filter((entry) => !missing.includes(entry) && !problems.has(entry.job));
  handling.acknowledge(done.map(({ delivery }) => delivery));
  const ms = Math.round(performance.now() - started);
  for (const entry of done) log.info({ ...named(entry), outcome: outcomes.get(entry.job), ms }, 'job done');
  for (const entry of missing)
    retry(entry, 'order_not_found', `There is no order ${entry.job.payload.order_id}.`, handling);
  for (const entry of batch) {
    const problem = problems.get(entry.job);
    if (problem !== undefined) refuse(entry, problem, handling);
  }
};
