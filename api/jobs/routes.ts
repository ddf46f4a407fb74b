/** /jobs and /orders/:id/history: what became of writes. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import type { Cache } from '../../cache/cache.ts';
import { type JobsAfter, jobsOfOrder, listJobs } from '../../db/jobs.ts';
import { journalLag } from '../../db/journal.ts';
import { readInTime } from '../../db/reads.ts';
import { type JobEvent, jobStates, oneOf, readJobEvent } from '../../domain/job-events.ts';
import { jobTypes } from '../../domain/jobs.ts';
import { JobId, Uuid } from '../../domain/order.ts';
import { shown } from '../../domain/validate.ts';
import type { Config } from '../../process/config.ts';
import { errorAnswers } from '../http/answers.ts';
import { HttpError } from '../http/errors.ts';
import { requireOrderId } from '../orders/order-id.ts';
import { isOver, Job, ofEvent } from './answers.ts';
import { historyNotKept, Id, jobNotFound, Link, linkOf, readJobId, Version } from './links.ts';
import { waits } from './waiting.ts';

const RETRY_AFTER_SECONDS = '1';

const Limit = Type.Integer({
  minimum: 1,
  maximum: 1_000,
  default: 100,
  description: 'an integer from 1 to 1000',
});
/**
 * From the link of the page before: the time of the last change of a job in milliseconds since 1970 and its id, or where
 * Redis goes on.
 */
const After = Type.String({ description: 'what the link to the next page has there' });
const badAfter = (after: string) =>
  new HttpError(400, `after must be ${After.description}, got ${shown(after)}.`);
/** The greatest time that MySQL has, in milliseconds since 1970. */
const LAST_MS = Date.UTC(9999, 11, 31);
const LAST_CURSOR = 2n ** 64n - 1n;

/** Where a page of those that MySQL has goes on. @throws HttpError 400 */
const placeIn = (after: string): JobsAfter => {
  const [, changedAt, jobId] = /^(\d{1,15})_(.+)$/s.exec(after) ?? [];
  if (jobId === undefined || Number(changedAt) > LAST_MS) throw badAfter(after);
  return { changedAt: Number(changedAt), jobId };
};
/** Where a page of those that wait goes on, for Redis. @throws HttpError 400 */
const cursorIn = (after: string): string => {
  if (!/^\d{1,20}$/.test(after) || BigInt(after) > LAST_CURSOR) throw badAfter(after);
  return after;
};
const JobsQuery = Type.Object({
  state: Type.Optional(oneOf(jobStates)),
  type: Type.Optional(oneOf(jobTypes)),
  order_id: Type.Optional(Uuid),
  limit: Limit,
  after: Type.Optional(After),
});
type JobsQuery = Static<typeof JobsQuery>;
const HistoryQuery = Type.Object({
  limit: Limit,
  before: Type.Optional(Version),
  after: Type.Optional(JobId),
});

/** Jobs of other publishers may all have the version 0. */
const nextOf = (limit: number, { version, job_id }: JobEvent): URLSearchParams =>
  new URLSearchParams({ limit: `${limit}`, before: `${version}`, after: job_id });

interface Page {
  jobs: Job[];
  next: string | undefined;
}

/** A page of those that wait, which only Redis has. */
const waiting = async (
  { jobs }: Cache,
  { state, type, order_id: orderId, limit, after }: JobsQuery,
): Promise<Page> => {
  const event = (text: string) => {
    const one = readJobEvent(text);
    const isWanted = one?.state === state && (!type || one?.job_type === type);
    return isWanted && (!orderId || one?.order_id === orderId) ? one : undefined;
  };
  const page = await jobs.page(
    after === undefined ? '0' : cursorIn(after),
    limit,
    (text) => event(text) !== undefined,
  );
  if (!page) throw new HttpError(503, 'Which jobs wait cannot be known at the moment.', 'job_states_unknown');
  return {
    jobs: page.texts.flatMap((text) => event(text) ?? []).map(ofEvent),
    next: page.cursor === '0' ? undefined : page.cursor,
  };
};

/** Says how long an answer about a job may be kept: for good once all is known of a job that has ended. */
const cacheable = (reply: FastifyReply, { status, finished_at }: Job): void => {
  // What only the order tells may be told in full later, and a dead letter may be replayed.
  const isFinal = isOver(status) && status !== 'dead' && finished_at !== null;
  reply.header('cache-control', isFinal ? 'private, max-age=31536000, immutable' : 'no-store');
  if (!isOver(status)) reply.header('retry-after', RETRY_AFTER_SECONDS);
};

export const jobRoutes: FastifyPluginAsyncTypebox<{
  config: Pick<Config, 'historyDays'>;
}> = async (app, { config }) => {
  const { orm } = app.database;
  const { historyDays } = config;
  const waitFor = waits(app);

  /** A page of those that MySQL has. */
  const ended = async ({ state, type, order_id: orderId, limit, after }: JobsQuery): Promise<Page> => {
    const from = after === undefined ? undefined : placeIn(after);
    const rows = await readInTime(() => listJobs(orm, { state, type, orderId, after: from }, limit));
    const last = rows.at(-1);
    const next = last && rows.length === limit ? `${last.at}_${last.job_id}` : undefined;
    return { jobs: rows.map(ofEvent), next };
  };

  app.get(
    '/jobs/:id',
    {
      schema: { params: Id, querystring: Link, response: { 200: Job, ...errorAnswers } },
      preHandler: readJobId(app.jobs),
    },
    async (request, reply) => {
      const { id } = request.params;
      const link = linkOf(request.query);
      const wait = waitFor(request, reply);
      const before = await app.jobs.one(id, link);
      if (before === undefined) throw jobNotFound(id);
      const isPassing = wait !== undefined && !isOver(before.status);
      const job =
        (isPassing && ((await wait.over({ jobId: id, link })) ?? (await app.jobs.one(id, link)))) || before;
      cacheable(reply, job);
      return reply.code(200).send(job);
    },
  );

  app.get(
    '/jobs',
    {
      schema: {
        querystring: JobsQuery,
        response: { 200: Type.Object({ jobs: Type.Array(Job) }), ...errorAnswers },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const isWaiting = query.state === 'queued' || query.state === 'retrying';
      if (isWaiting && !app.story.isTold) throw historyNotKept();
      const { jobs, next } = isWaiting ? await waiting(app.cache, query) : await ended(query);
      if (next !== undefined) {
        const parameters = new URLSearchParams(request.url.split('?')[1]);
        parameters.set('after', next);
        reply.header('link', `<?${parameters}>; rel="next"`);
      }
      return reply.code(200).send({ jobs });
    },
  );

  app.get(
    '/orders/:id/history',
    {
      schema: {
        params: Id,
        querystring: HistoryQuery,
        response: {
          200: Type.Object({
            order_id: Uuid,
            entries: Type.Array(Job),
            complete: Type.Boolean(),
          }),
          ...errorAnswers,
        },
      },
      preValidation: requireOrderId,
    },
    async (request, reply) => {
      const { limit, before, after } = request.query;
      const { id } = request.params;
      const pending = await app.cache.pending.find(id);
      // Without a copy a write may wait all the same, if the copy was lost.
      const isKnown = pending !== undefined || (await app.absence.areCopiesComplete(id));
      const from = before === undefined ? undefined : { version: before, jobId: after };
      const [lag, rows] = await readInTime(() =>
        Promise.all([journalLag(orm), jobsOfOrder(orm, id, from, limit)]),
      );
      const newest = before === undefined ? (rows[0]?.version ?? 0) : Number.POSITIVE_INFINITY;
      const waits = pending !== undefined && pending.kind !== 'deleted' && pending.version > newest;
      const last = rows.at(-1);
      if (last && rows.length === limit) reply.header('link', `<?${nextOf(limit, last)}>; rel="next"`);
      const complete = historyDays > 0 && lag === 0 && isKnown && !waits;
      return reply.code(200).send({ order_id: id, entries: rows.map(ofEvent), complete });
    },
  );
};
