/** What happened to jobs, put into words. */
import { isJobEvent, type JobEvent, type JobState, keptRequestId } from '../domain/job-events.ts';
import type { namesIn, WriteJob } from '../domain/jobs.ts';
import type { Order } from '../domain/order.ts';
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

/** The items as JSON, without what another publisher may have put beside. */
const itemsText = (items: Order['items']): string =>
  `[${items.map(({ name, quantity }) => `{"name":${JSON.stringify(name)},"quantity":${quantity}}`)}]`;

/** What an event tells of its order beside the ids: what the job has set. */
const orderText = (job: WriteJob): string | undefined => {
  if (job.type === 'delete_order') return undefined;
  const { status } = job.payload;
  if (job.type === 'update_order_status') return `{"status":${JSON.stringify(status)}}`;
  const { customer_name, items } = job.payload;
  const text = `{"customer_name":${JSON.stringify(customer_name)},"status":${JSON.stringify(status)},"items":${itemsText(items)}}`;
  return text.length <= MOST_ORDER ? text : undefined;
};

/** An event as it is told. */
const toldOf = (event: JobEvent): Told => {
  const text = JSON.stringify(event);
  return { event, text, full: text };
};

/**
 * The same for a job that was applied: half of the work of telling is the JSON, and this takes a third of the time that
 * JSON.stringify takes for objects.
 */
const toldOfApplied = (event: JobEvent, job: WriteJob): Told => {
  const { job_id, job_type, order_id, version, state, at, accepted_at, attempts, request_id } = event;
  const request = request_id === undefined ? '' : `,"request_id":${JSON.stringify(request_id)}`;
  const fields = `{"job_id":${JSON.stringify(job_id)},"job_type":"${job_type}","order_id":"${order_id}","version":${version},"state":"${state}","at":${at},"accepted_at":${accepted_at},"attempts":${attempts}${request}`;
  const text = `${fields}}`;
  const order = orderText(job);
  return { event, text, full: order === undefined ? text : `${fields},"order":${order}}` };
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
    const event: JobEvent = {
      job_id: job.job_id,
      job_type: job.type,
      order_id: job.payload.order_id,
      version: job.version ?? 0,
      state,
      at,
      accepted_at: acceptedAt.getTime(),
      attempts,
      request_id: keptRequestId(requestId),
      repeated: verdict === 'unchanged' || undefined,
    };
    const told = verdict === 'applied' ? toldOfApplied(event, job) : toldOf(event);
    // It may have been applied by a consumer that died before it told so, and superseded only then.
    return [redelivered && state === 'superseded' ? { ...told, isDoubtful: true } : told];
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
