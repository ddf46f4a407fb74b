/** One delivery from arrival to answer: the only place that turns what became of a job into an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../cache/cache.ts';
import type { Orm } from '../db/client.ts';
import { isPassing, reasonOf } from '../db/errors.ts';
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
  /** Aborted when the process is to end. */
  ending: AbortSignal;
}

/** Delay before try number `tries` (from 0), jittered so that consumers do not come back in step. */
export const backoff = (tries: number, random = Math.random()): number =>
  Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** tries) * (0.5 + random / 2);

/** Applies the job, waiting for a database that is away for as long as it takes: that is not the job's fault. */
const applyPatiently = async (
  job: WriteJob,
  acceptedAt: Date,
  { orm, log, writeLagMs, ending }: Handling,
) => {
  for (let tries = 0; ; tries++) {
    try {
      return await applyJob(orm, job, acceptedAt, writeLagMs);
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (tries === 0) log.warn({ job_id: job.job_id, reason: reasonOf(error) }, 'the job waits for MySQL');
      await sleep(backoff(tries), undefined, { signal: ending });
    }
  }
};

/** Also for a job that changed nothing: whoever applied it may have died before it came to this. */
const refreshCache = async (cache: Cache, job: WriteJob, outcome: Outcome) => {
  if (outcome !== 'applied' && outcome !== 'unchanged') return;
  if (job.type === 'delete_order') await cache.pending.putDeleted(job.payload.order_id);
  await cache.orders.invalidate(job.payload.order_id);
};

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
    const acceptedAt = job.accepted_at ? new Date(job.accepted_at) : delivery.receivedAt;
    outcome = await applyPatiently(job, acceptedAt, handling);
  } catch (error) {
    if (handling.ending.aborted) throw error;
    const became = await delivery.retry('failed', reasonOf(error));
    log.error({ ...named, became, reason: reasonOf(error) }, 'the job failed');
    return;
  }

  await refreshCache(cache, job, outcome);
  if (outcome === 'order_not_found') {
    const became = await delivery.retry(outcome, `There is no order ${job.payload.order_id}.`);
    log.warn({ ...named, became }, 'the order of the job is not there');
    return;
  }
  delivery.acknowledge();
  log.info({ ...named, outcome, ms: Math.round(performance.now() - started) }, 'job done');
};
