/** /orders: creating, changing, deleting and reading one order. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { canonicalId } from '../../domain/ids.ts';
import type { JobType } from '../../domain/jobs.ts';
import { NewOrder, Order, StatusUpdate, Uuid } from '../../domain/order.ts';
import { validator } from '../../domain/validate.ts';
import type { Config } from '../../process/config.ts';
import { errorAnswers, JSON_TYPE, notFound, Ready } from '../http/answers.ts';
import { acceptOnce } from './idempotency.ts';
import { orderReads } from './reads.ts';
import { type Accepted, contentOf, orderWrites, readNumericQuantities } from './writes.ts';

/** When a job has ended at the earliest, most often. */
const RETRY_AFTER_SECONDS = '1';

const Id = Type.Object({ id: Type.String() });
const AcceptedAnswer = <T extends JobType>(type: T) =>
  Type.Object({
    job_id: Type.String(),
    job_type: Type.Literal(type),
    status: Type.Literal('queued'),
    order_id: Type.String(),
    message: Type.String(),
  });

/**
 * Answers 202, with a link to what becomes of the job. The link has what tells it even if all that is left is the order
 * in MySQL.
 */
const answer = <T extends Accepted<JobType>>(reply: FastifyReply, accepted: T): FastifyReply => {
  const { job_id, order_id, version } = accepted;
  return reply
    .code(202)
    .header('location', `/jobs/${job_id}?order_id=${order_id}&version=${version}`)
    .header('retry-after', RETRY_AFTER_SECONDS)
    .send(accepted);
};

const notAnId = validator(Uuid, 'id');
/**
 * Answers 404 to an id that no order can have, before any server is asked. An id in capitals is turned into lower case,
 * as it was given out.
 */
const requireOrderId = (
  { params }: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void => {
  const asked = params as { id: string };
  const id = canonicalId(asked.id);
  const problem = notAnId(id) && notFound(asked.id);
  asked.id = id;
  done(problem || undefined);
};

export const orderRoutes: FastifyPluginAsyncTypebox<{ config: Pick<Config, 'cache'> }> = async (
  app,
  { config },
) => {
  const { cache, absence } = app;
  const writes = orderWrites(app);
  const reads = orderReads(app, config.cache.appliedTtl * 1000);

  app.post(
    '/orders',
    {
      schema: {
        body: NewOrder,
        response: { 202: AcceptedAnswer('create_order'), ...errorAnswers },
      },
      preValidation: (request, _reply, done) => {
        readNumericQuantities(request.body);
        done();
      },
    },
    async (request, reply) => {
      const content = contentOf(request.body);
      const asked = { type: 'create_order', meaning: content } as const;
      const accepted = await acceptOnce(cache, { request, reply }, asked, async (origin) => ({
        ...(await writes.create(content, origin)),
        message: 'Order creation scheduled.',
      }));
      return answer(reply, accepted);
    },
  );

  app.patch(
    '/orders/:id/status',
    {
      schema: {
        params: Id,
        body: StatusUpdate,
        response: { 202: AcceptedAnswer('update_order_status'), ...errorAnswers },
      },
      preValidation: requireOrderId,
    },
    async (request, reply) => {
      const change = { order_id: request.params.id, status: request.body.status };
      const asked = { type: 'update_order_status', meaning: change } as const;
      const accepted = await acceptOnce(cache, { request, reply }, asked, async (origin) => ({
        ...(await writes.updateStatus(change, origin)),
        message: 'Status update scheduled.',
      }));
      return answer(reply, accepted);
    },
  );

  app.delete(
    '/orders/:id',
    {
      schema: {
        params: Id,
        response: { 202: AcceptedAnswer('delete_order'), ...errorAnswers },
      },
      preValidation: requireOrderId,
    },
    async (request, reply) => {
      const { id: order_id } = request.params;
      const asked = { type: 'delete_order', meaning: { order_id } } as const;
      const accepted = await acceptOnce(cache, { request, reply }, asked, async (origin) => ({
        ...(await writes.remove(order_id, origin)),
        message: 'Deletion scheduled.',
      }));
      return answer(reply, accepted);
    },
  );

  app.get(
    '/orders/:id',
    {
      schema: { params: Id, response: { 200: Ready(Order), ...errorAnswers } },
      preValidation: requireOrderId,
    },
    async (request, reply) => {
      const { id } = request.params;
      const order = (await reads.one(id)) ?? (await absence.confirm(id, reads.one));
      if (order === undefined) throw notFound(id);
      return reply.code(200).type(JSON_TYPE).send(order);
    },
  );
};
