/** One delivery from arrival to answer: the only place that turns what became of a job into an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../cache/cache.ts';
import type { Orm } from '../db/client.ts';
import { isPassing, reasonOf } from '../db/errors.ts';
import { countBegin, forgetBegin } from '../db/orders.ts';
import type { Log } from '../log.ts';
import type { WriteJob } from '../order.ts';
import type { Delivery } from '../queue/deliveries.ts';
import { applyJob, type Outcome } from './apply.ts';
import { InvalidJob, parseJob } from './job.ts';

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5_000;

export interface Handling {
  orm: Orm;
  cache: Cache;
  log: Log;
  writeLagMs: number;
  maxAttempts: number;
  /** Aborted when the process is to end. */
  ending: AbortSignal;
}

/** Delay before try number `tries` (from 0), jittered so that consumers do not come back in step. */
export const backoff = (tries: number, random = Math.random()): number =>
  Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** tries) * (0.5 + random / 2);

/** Asks the database, waiting for one that is away for as long as it takes: that is not the job's fault. */
const patiently = async <T>(work: () => Promise<T>, job: WriteJob, { log, ending }: Handling): Promise<T> => {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (tries === 0) log.warn({ job_id: job.job_id, reason: reasonOf(error) }, 'the job waits for MySQL');
      await sleep(backoff(tries), undefined, { signal: ending });
    }
  }
};

/** Also for a job that changed nothing: whoever applied it may have died before it came to this. */
const refreshCache = async (cache: Cache, job: WriteJob, outcome: Outcome) => {
  if (!('state' in outcome)) return;
  const { order_id } = job.payload;
  const { version = 0 } = job;
  // A POST that was sent again with its Idempotency-Key is newer than the row that it found: it waits no more, and
  // what is seen of it may be older than the row.
  const isRepeated = outcome.state !== 'deleted' && outcome.state < version;
  await Promise.all([
    cache.pending.settle(order_id, isRepeated ? version : outcome.state, version > 0 && !isRepeated),
    cache.orders.invalidateDetail(order_id),
    cache.lists.invalidate(),
  ]);
};

/**
 * Whether a job has ended the process that took it too often. The first time nobody counts, so that ordinary jobs
 * cost nothing; from then on the count is in the database before the job is begun.
 */
const endsProcesses = async (delivery: Delivery, job: WriteJob, { orm, maxAttempts }: Handling) =>
  delivery.redelivered && (await countBegin(orm, job.job_id)) > maxAttempts;

/** Applies one delivery and answers it. Rejects only when `ending` cuts its waiting short: it is unanswered then. */
export const handleDelivery = async (delivery: Delivery, handling: Handling): Promise<void> => {
  const { cache, log } = handling;
  const started = performance.now();
  let job: WriteJob;
  try {
    job = parseJob(delivery.body);
  } catch (error) {
    if (!(error instanceof InvalidJob)) throw error;
    log.warn({ request_id: delivery.requestId, reason: error.message }, 'a message is no job');
    return delivery.deadLetter('invalid_message', error.message);
  }
  const named = {
    request_id: delivery.requestId,
    job_id: job.job_id,
    job_type: job.type,
    order_id: job.payload.order_id,
  };

  let outcome: Outcome;
  try {
    if (await patiently(() => endsProcesses(delivery, job, handling), job, handling)) {
      log.error(named, 'the job has ended its process too often');
      await patiently(() => forgetBegin(handling.orm, job.job_id), job, handling);
      return await delivery.deadLetter('crashed', 'Each process that took the job ended before it was done.');
    }
    const acceptedAt = job.accepted_at ? new Date(job.accepted_at) : delivery.receivedAt;
    outcome = await patiently(
      () => applyJob(handling.orm, job, acceptedAt, handling.writeLagMs),
      job,
      handling,
    );
    if (delivery.redelivered) await patiently(() => forgetBegin(handling.orm, job.job_id), job, handling);
  } catch (error) {
    if (handling.ending.aborted) throw error;
    const became = await delivery.retry('failed', reasonOf(error));
    log.error({ ...named, became, reason: reasonOf(error) }, 'the job failed');
    return;
  }

  await refreshCache(cache, job, outcome);
  if (outcome.kind === 'order_not_found') {
    const became = await delivery.retry(outcome.kind, `There is no order ${job.payload.order_id}.`);
    log.warn({ ...named, became }, 'the order of the job is not there');
    return;
  }
  delivery.acknowledge();
  log.info({ ...named, outcome: outcome.kind, ms: Math.round(performance.now() - started) }, 'job done');
};
