/**
 * What happens to a job, as an event. The state of a job is that of its last event that counts.
 *
 *   202 ──► queued ───► succeeded        MySQL has the write
 *             │  ▲  └──► superseded       a newer write to the order, or its delete, was applied before
 *             │  │  └──► cancelled        a reset came after the write was accepted
 *             ▼  │
 *          retrying ───► (as from queued) it failed and comes again
 *             │
 *             ▼
 *            dead ────► discarded         it failed too often, or can never be applied
 *              └──────► queued            an operator replays it
 *
 * A job may be delivered again after it has ended, and then ends once more; and two processes tell of one job at nearly
 * the same time. So `succeeded` stays whatever follows, `superseded` and `cancelled` give way to `succeeded` only, and
 * of the others the one that happened later stands. db/jobs.ts and cache/scripts/tell-jobs.lua keep to that. An answer about a job may be one of two more words:
 *   settled   The write is over, but whether it took effect itself is no longer known.
 *   unknown   Nobody can tell at the moment.
 */
import { type Static, Type } from '@sinclair/typebox';
import { type JobType, jobTypes } from './jobs.ts';
import { JobId, Uuid } from './order.ts';
import { unpacked } from './packed-events.ts';
import { validator } from './validate.ts';

export const jobStates = [
  'queued',
  'retrying',
  'succeeded',
  'superseded',
  'dead',
  'discarded',
  'cancelled',
] as const;
export type JobState = (typeof jobStates)[number];

const ended = new Set<JobState>(['succeeded', 'superseded', 'discarded', 'cancelled']);
/** Whether a job in this state is over. A dead letter is not: it may be replayed. */
export const isEnded = (state: JobState): boolean => ended.has(state);

const rankOf = (state: JobState): number =>
  state === 'succeeded' ? 2 : state === 'superseded' || state === 'cancelled' ? 1 : 0;
/** Which of two events of a job stands. @param newer the one that was told later; it may be of what happened before */
export const standing = (older: JobEvent, newer: JobEvent): JobEvent => {
  const [before, now] = [rankOf(older.state), rankOf(newer.state)];
  if (before !== now) return before > now ? older : newer;
  return before > 0 || newer.at < older.at ? older : newer;
};

/** One of these words. */
export const oneOf = <const Word extends string>(words: readonly Word[]) =>
  Type.Unsafe<Word>({ type: 'string', enum: words, description: `one of ${words.join(', ')}` });

const Milliseconds = Type.Integer({ minimum: 0, maximum: 8.64e15 });

export const JobEvent = Type.Object({
  job_id: JobId,
  job_type: oneOf(jobTypes),
  order_id: Uuid,
  /** The version of the write; 0 if its publisher gave none. */
  version: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  state: oneOf(jobStates),
  /** When it happened, in milliseconds since 1970. */
  at: Milliseconds,
  accepted_at: Type.Optional(Milliseconds),
  /** How often the job has been tried by now. */
  attempts: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }),
  request_id: Type.Optional(Type.String({ maxLength: 64 })),
  reason: Type.Optional(Type.String({ maxLength: 64 })),
  error: Type.Optional(Type.String({ maxLength: 1_000 })),
  /** When a job that failed is tried again. */
  next_try_at: Type.Optional(Milliseconds),
  /** Whether the job had been applied before: then this tells nothing new of the order. */
  repeated: Type.Optional(Type.Literal(true)),
  /** The order that a create made, unless it is large, or the status that an update set. */
  order: Type.Optional(Type.Object({}, { additionalProperties: true })),
});
export type JobEvent = Static<typeof JobEvent>;

const problemOf = validator(JobEvent, 'The event');
export const isJobEvent = (value: unknown): value is JobEvent => problemOf(value) === undefined;

/** The event of a job that is being accepted, as JSON. Its texts need no escaping: they are our own. */
export const queuedEvent = (job: {
  jobId: string;
  type: JobType;
  orderId: string;
  version: number;
  /** In milliseconds since 1970. */
  acceptedAt: number;
  requestId: string;
}): string =>
  `{"job_id":"${job.jobId}","job_type":"${job.type}","order_id":"${job.orderId}","version":${job.version},"state":"queued","at":${job.acceptedAt},"accepted_at":${job.acceptedAt},"attempts":0,"request_id":"${job.requestId}"}`;

/** @returns the event in a JSON text, undefined if there is none; never throws */
export const readJobEvent = (text: string): JobEvent | undefined => readJobEvents(`[${text}]`)[0];

/** @returns what may be events in a text that is a JSON list, nothing if it is none; never throws */
export const listIn = (text: string): unknown[] => {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.map(unpacked) : [];
  } catch {
    return [];
  }
};

/** @returns the events in a text that is a JSON list of them, without what is none; never throws */
export const readJobEvents = (text: string): JobEvent[] => listIn(text).filter(isJobEvent);

/** A harmless id of a request, short enough to be kept; undefined for anything else that a publisher may have sent. */
export const keptRequestId = (id: string | undefined): string | undefined =>
  id !== undefined && /^[\x21-\x7e]{1,64}$/.test(id) ? id : undefined;
