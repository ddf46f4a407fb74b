/**
 * Prefer: wait=N. A write with this header is answered when it is over, and as ever if that takes longer:
 *   applied      201 with the order for a POST, 200 with the order for a PATCH, 204 for a DELETE
 *   superseded   200 with the order as it is now
 *   dead         404 if there is no such order, otherwise 500
 *   cancelled, discarded   409
 * If the order has been deleted since, the answer is 410. Each has a link to the job.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { JobType } from '../../domain/jobs.ts';
import type { Waiter } from '../../jobs/waiting.ts';
import { whenAnswered } from '../http/answered.ts';
import { JSON_TYPE, notFound } from '../http/answers.ts';
import { HttpError } from '../http/errors.ts';
import { readWait } from '../http/prefer.ts';
import { isOver, type Job, ofEvent } from './answers.ts';
import type { Coordinates } from './find.ts';

/** A job that somebody waits for. */
interface Awaited {
  jobId: string;
  link?: Coordinates | undefined;
}

/** One request's waiting. */
export interface Wait {
  /** To be called before the job is published. */
  register(jobId: string): Promise<void>;
  /** Waits until the job is over. @returns undefined if the time is over, or nobody may wait any more */
  over(job: Awaited): Promise<Job | undefined>;
  end(): void;
}

/** @returns a function that begins the waiting of a request; it returns undefined if the request has no such header */
export const waits =
  ({ waiting, jobs }: Pick<FastifyInstance, 'waiting' | 'jobs'>) =>
  ({ headers, raw }: FastifyRequest, reply: FastifyReply): Wait | undefined => {
    const seconds = readWait(headers.prefer);
    if (seconds === undefined) return undefined;
    const deadline = performance.now() + seconds * 1_000;
    let waiter: Waiter | undefined;
    const end = () => waiter?.end();

    const register = async (jobId: string): Promise<void> => {
      waiter ??= waiting.forJob(jobId);
      await waiter?.begun;
    };
    return {
      register,
      over: async ({ jobId, link }) => {
        const ask = async () => {
          const job = await jobs.one(jobId, link);
          return job && isOver(job.status) ? job : undefined;
        };
        const isPublished = waiter === undefined;
        await register(jobId);
        if (waiter === undefined) return undefined;
        reply.header('preference-applied', `wait=${seconds}`);
        if (raw.socket.destroyed) return undefined;
        whenAnswered(reply.raw, end);
        // It may have ended before anybody listened.
        const ended = isPublished ? await ask().catch(() => undefined) : undefined;
        const answer = ended ?? (await waiter.over(ask, deadline - performance.now()));
        return answer && ('state' in answer ? ofEvent(answer) : answer);
      },
      end,
    };
  };

const failureOf = ({ status, reason, order_id }: Job): HttpError | undefined => {
  if (status === 'cancelled' || status === 'discarded')
    return new HttpError(409, `The write takes no effect: it was ${status}.`, 'write_cancelled');
  if (status !== 'dead') return undefined;
  if (reason === 'order_not_found') return notFound(order_id ?? '');
  return new HttpError(
    500,
    `The write could not be applied (${reason}), and is a dead letter.`,
    'job_failed',
  );
};

const deleted = (id: string) =>
  new HttpError(410, `The order with ID '${id}' has been deleted.`, 'order_deleted');

/** A write that is over. */
interface Over {
  type: JobType;
  orderId: string;
  /** The URL of its job. */
  url: string;
  job: Job;
}

/**
 * Answers a write that is over.
 * @param read reads the order; undefined if it does not exist
 * @returns false if it is not answered, as the order cannot be read at the moment
 * @throws HttpError as above
 */
export const answerOver = async (
  reply: FastifyReply,
  { type, orderId, url, job }: Over,
  read: (id: string) => Promise<Buffer | undefined>,
): Promise<boolean> => {
  reply.header('link', `<${url}>; rel="monitor"`);
  const failure = failureOf(job);
  if (failure) throw failure;
  if (type === 'delete_order') {
    reply.code(204).send();
    return true;
  }
  const order = await read(orderId).catch(() => null);
  if (order === null) return false;
  if (order === undefined) throw deleted(orderId);
  // A create is superseded only by the delete of its order.
  const isNew = type === 'create_order';
  if (isNew) reply.header('location', `/orders/${orderId}`);
  reply
    .code(isNew ? 201 : 200)
    .type(JSON_TYPE)
    .send(order);
  return true;
};
