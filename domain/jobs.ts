/**
 * The jobs: what they say, how their bytes are written, and how they are read. They are validated here as strictly as
 * HTTP requests are in the API.
 */
import { type Static, type TObject, Type } from '@sinclair/typebox';
import { canonicalId } from './ids.ts';
import { JobId, Order, Status, Uuid } from './order.ts';
import { parser, shown } from './validate.ts';

const job = <Name extends string, Payload extends TObject>(type: Name, payload: Payload) =>
  Type.Object(
    {
      job_id: JobId,
      type: Type.Literal(type, { description: type }),
      payload,
      version: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: Number.MAX_SAFE_INTEGER,
          description: 'a positive integer, greater for a later write to the same order',
        }),
      ),
      accepted_at: Type.Optional(
        Type.String({
          format: 'moment',
          description: 'a time such as 2026-01-31T12:00:00.000Z',
        }),
      ),
    },
    { description: 'a JSON object with job_id, type and payload' },
  );

/**
 * One schema for each type of job, as it is in the queue. `accepted_at` is when the API accepted the write. `version`
 * is its place among the writes to its order (microseconds since 1970, see versions.ts). Jobs of other publishers may
 * lack both.
 */
export const jobSchemas = {
  create_order: job('create_order', Order),
  update_order_status: job(
    'update_order_status',
    Type.Object({ order_id: Uuid, status: Status }, { description: 'an object with order_id and status' }),
  ),
  delete_order: job(
    'delete_order',
    Type.Object({ order_id: Uuid }, { description: 'an object with order_id' }),
  ),
};
export type JobType = keyof typeof jobSchemas;
export const jobTypes = Object.keys(jobSchemas) as JobType[];
export type CreateJob = Static<(typeof jobSchemas)['create_order']>;
export type UpdateJob = Static<(typeof jobSchemas)['update_order_status']>;
export type DeleteJob = Static<(typeof jobSchemas)['delete_order']>;
export type WriteJob = CreateJob | UpdateJob | DeleteJob;

/**
 * Writes a job's bytes; nothing else does.
 * @param job.payload JSON text, as the API has the order as text already
 * @param job.version in microseconds since 1970
 */
export const writeJob = (job: {
  jobId: string;
  type: JobType;
  payload: string;
  version: number;
  acceptedAt: Date;
}): Buffer =>
  Buffer.from(
    `{"job_id":"${job.jobId}","type":"${job.type}","payload":${job.payload},"version":${job.version},"accepted_at":"${job.acceptedAt.toISOString()}"}`,
  );

/** The ids and the type of a job. Some may be unknown, as in a message that is not a valid job, or a dead letter. */
export interface JobNames {
  jobId?: string | undefined;
  jobType?: JobType | undefined;
  orderId?: string | undefined;
}

/** @returns the members of an object, and none of anything else */
export const membersOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/**
 * Reads a message's JSON, and turns its `order_id` into lower case, as another publisher may write it in capitals.
 * @throws SyntaxError
 */
const readJson = (text: string): unknown => {
  const message: unknown = JSON.parse(text);
  const payload = membersOf(membersOf(message).payload);
  if (typeof payload.order_id === 'string') payload.order_id = canonicalId(payload.order_id);
  return message;
};

/**
 * Reads the members of a message that may not be a valid job. Never throws.
 * @returns undefined if the message is not JSON or is null
 */
export const readMembers = (body: Buffer): Record<string, unknown> | undefined => {
  try {
    const message = readJson(body.toString());
    return message === null ? undefined : membersOf(message);
  } catch {
    return undefined;
  }
};

/**
 * Reads what it can from a message that may not be a valid job. Never throws.
 * @returns `version` is undefined if the message has none, and Infinity if it is not JSON or is null, as nobody knows
 *   how old such a message is
 */
export const namesIn = (body: Buffer): JobNames & { version: number | undefined } => {
  const message = readMembers(body);
  if (message === undefined) return { version: Number.POSITIVE_INFINITY };
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const { job_id, type, payload, version } = message;
  return {
    jobId: text(job_id),
    jobType: isJobType(type) ? type : undefined,
    orderId: text(membersOf(payload).order_id),
    version: typeof version === 'number' ? version : undefined,
  };
};

/** A message that no consumer can ever apply. The error's text is a sentence for the dead letter. */
class InvalidJob extends Error {}

const fail = (sentence: string) => new InvalidJob(sentence);
const parsers: Record<JobType, (value: unknown) => WriteJob> = {
  create_order: parser(jobSchemas.create_order, 'The job', fail),
  update_order_status: parser(jobSchemas.update_order_status, 'The job', fail),
  delete_order: parser(jobSchemas.delete_order, 'The job', fail),
};

export const isJobType = (type: unknown): type is JobType =>
  typeof type === 'string' && Object.hasOwn(parsers, type);

const utf8 = new TextDecoder('utf-8', { fatal: true });
const parseJson = (body: Buffer): unknown => {
  try {
    return readJson(utf8.decode(body));
  } catch {
    throw fail('The job is not valid JSON in UTF-8.');
  }
};

/** Reads and validates a message's body. @throws an error with one sentence that says why it is not a valid job */
export const parseJob = (body: Buffer): WriteJob => {
  const job = parseJson(body);
  const { type } = membersOf(job);
  if (!isJobType(type)) throw fail(`type must be one of ${jobTypes.join(', ')}, got ${shown(type)}.`);
  return parsers[type](job);
};
