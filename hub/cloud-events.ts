/**
 * The events for other services, as CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec/blob/v1.0.2). An event
 * that is published again has the same id. `sequence` is the version of the write, so that of two events of one order
 * the greater one is newer (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/sequence.md).
 */
import type { JobEvent } from '../domain/job-events.ts';
import type { JobType } from '../domain/jobs.ts';

const VERSION_DIGITS = 16;

export const eventTypes = ['order.created', 'order.status_changed', 'order.deleted', 'job.dead'] as const;
export type EventType = (typeof eventTypes)[number];

const typeOf: Record<JobType, EventType> = {
  create_order: 'order.created',
  update_order_status: 'order.status_changed',
  delete_order: 'order.deleted',
};

/** An event as it is published. */
export interface CloudEvent {
  id: string;
  type: EventType;
  orderId: string;
  /** In milliseconds since 1970. */
  at: number;
  /** Makes the event in JSON, without the order and the error's sentence if `isBare`. */
  body: (isBare?: boolean) => Buffer;
}

/** @returns undefined for what concerns nobody else, such as that a job was applied once more */
export const cloudEventOf = (event: JobEvent): CloudEvent | undefined => {
  const isChange = event.state === 'succeeded' && event.repeated === undefined;
  if (!isChange && event.state !== 'dead') return undefined;
  const { job_id, job_type, order_id, version, at, request_id, attempts, reason, error } = event;
  const type = isChange ? typeOf[job_type] : 'job.dead';
  // A job may become a dead letter, be replayed, and become one again.
  const id = isChange ? job_id : `${job_id}.dead.${at}`;
  const body = (isBare = false): Buffer => {
    const data = isChange
      ? { order_id, job_id, ...(isBare ? {} : event.order) }
      : { job_id, job_type, order_id, reason, error: isBare ? undefined : error, attempts };
    const whole = {
      specversion: '1.0',
      id,
      source: `/orders/${order_id}`,
      type,
      time: new Date(at).toISOString(),
      datacontenttype: 'application/json',
      sequence: String(version).padStart(VERSION_DIGITS, '0'),
      ...(request_id !== undefined && { requestid: request_id }),
      data,
    };
    return Buffer.from(JSON.stringify(whole));
  };
  return { id, type, orderId: order_id, at, body };
};
