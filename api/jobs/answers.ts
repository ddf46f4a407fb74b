/** What clients see of a job: the schema, and how it is made from what Redis or MySQL has. */
import { type Static, Type } from '@sinclair/typebox';
import { type JobEvent, jobStates, oneOf } from '../../domain/job-events.ts';
import { jobTypes } from '../../domain/jobs.ts';
import { JobId, Uuid } from '../../domain/order.ts';
import { isOver as isOverAs } from '../../jobs/waiting.ts';

const OrNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const Time = OrNull(Type.String());

export const Job = Type.Object({
  job_id: JobId,
  job_type: OrNull(oneOf(jobTypes)),
  order_id: OrNull(Uuid),
  status: oneOf([...jobStates, 'settled', 'unknown']),
  attempts: OrNull(Type.Integer()),
  reason: OrNull(Type.String()),
  error: OrNull(Type.String()),
  next_try_at: Time,
  accepted_at: Time,
  finished_at: Time,
  request_id: OrNull(Type.String()),
});
export type Job = Static<typeof Job>;

/** In milliseconds since 1970. */
const time = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : new Date(ms).toISOString();

/** @param event what Redis or MySQL has */
export const ofEvent = (event: JobEvent): Job => ({
  job_id: event.job_id,
  job_type: event.job_type,
  order_id: event.order_id,
  status: event.state,
  attempts: event.attempts,
  reason: event.reason ?? null,
  error: event.error ?? null,
  next_try_at: time(event.next_try_at),
  accepted_at: time(event.accepted_at),
  finished_at: isOver(event.state) ? time(event.at) : null,
  request_id: event.request_id ?? null,
});

/** Of a job that neither of them has. @param more what is known of it all the same */
export const withStatus = (jobId: string, status: Job['status'], more: Partial<Job> = {}): Job => ({
  job_id: jobId,
  job_type: null,
  order_id: null,
  status,
  attempts: null,
  reason: null,
  error: null,
  next_try_at: null,
  accepted_at: null,
  finished_at: null,
  request_id: null,
  ...more,
});

/** Whether nothing more happens unless an operator does something. */
export const isOver = (status: Job['status']): boolean =>
  status === 'settled' || (status !== 'unknown' && isOverAs(status));
