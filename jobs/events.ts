/** What happened to jobs, put into words. */
import { isJobEvent, type JobEvent, type JobState, keptRequestId } from '../domain/job-events.ts';
import type { namesIn, WriteJob } from '../domain/jobs.ts';
import { packed } from '../domain/packed-events.ts';
import { type AcceptedJob, asTheyTakeEffect } from '../domain/plan.ts';
import type { Entry, Told, Verdict } from './applied.ts';

/** How long the text of an order may be to be told with the event of its creation, in UTF-16 code units. */
const MOST_ORDER = 8_192;
const MOST_REASON = 64;
const MOST_ERROR = 1_000;

const stateOf: Partial<Record<Verdict, JobState>> = {
  applied: 'succeeded',
  unchanged: 'succeeded',
  superseded: 'superseded',
  void: 'cancelled',
};

/** An event as it is told. */
const toldOf = (event: JobEvent): Told => {
  const text = JSON.stringify(event);
  return { event, text, full: text };
};

/**
 * What a transaction has made of its jobs, in the order in which they took effect; nothing of those that failed in it,
 * as these come again or become dead letters.
 * @param at milliseconds since 1970
 */
export const toldOfBatch = (
  jobs: AcceptedJob[],
  verdicts: ReadonlyMap<WriteJob, Verdict>,
  at: number,
): Told[] =>
  asTheyTakeEffect(jobs).flatMap(({ job, acceptedAt, attempts = 1, requestId, redelivered }) => {
    const verdict = verdicts.get(job);
    const state = verdict && stateOf[verdict];
    if (state === undefined) return [];
    const { job_id } = job;
    const request_id = keptRequestId(requestId);
    const accepted_at = acceptedAt.getTime();
    if (verdict === 'applied') {
      const happened = { at, acceptedAt: accepted_at, attempts, requestId: request_id };
      const { text, full } = packed(job, happened, MOST_ORDER);
      return { event: { job_id, state }, text, full };
    }
    const told = toldOf({
      job_id,
      job_type: job.type,
      order_id: job.payload.order_id,
      version: job.version ?? 0,
      state,
      at,
      accepted_at,
      attempts,
      request_id,
      repeated: verdict === 'unchanged' || undefined,
    });
    // It may have been applied by a consumer that died before it told so, and superseded only then.
    return redelivered && state === 'superseded' ? { ...told, isDoubtful: true } : told;
  });

/** What is told beside the names. */
export type Happened = Pick<JobEvent, 'state' | 'attempts'> &
  Partial<Pick<JobEvent, 'reason' | 'error' | 'next_try_at'>>;

/** What happened to a job outside a transaction. */
export const toldOfJob = ({ job, delivery }: Entry, happened: Happened): Told =>
  toldOf({
    job_id: job.job_id,
    job_type: job.type,
    order_id: job.payload.order_id,
    version: job.version ?? 0,
    at: Date.now(),
    accepted_at: job.accepted_at ? Date.parse(job.accepted_at) : undefined,
    request_id: keptRequestId(delivery.requestId),
    ...happened,
    error: happened.error?.slice(0, MOST_ERROR),
  });

/**
 * The same for a message that may not be a valid job.
 * @param names what can be read of it (`namesIn`)
 * @returns undefined if it does not say which job and order
 */
export const toldOfMessage = (
  { jobId, jobType, orderId, version }: ReturnType<typeof namesIn>,
  requestId: string | undefined,
  happened: Happened,
  at = Date.now(),
): Told | undefined => {
  const event = {
    job_id: jobId,
    job_type: jobType,
    order_id: orderId,
    version: Number.isSafeInteger(version) ? version : 0,
    at,
    request_id: keptRequestId(requestId),
    ...happened,
    reason: happened.reason?.slice(0, MOST_REASON),
    error: happened.error?.slice(0, MOST_ERROR),
  };
  return isJobEvent(event) ? toldOf(event) : undefined;
};
