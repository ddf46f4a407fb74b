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
import { readNumber } from '../http/input.ts';
import { orderAbsence } from './absence.ts';
import { acceptOnce } from './idempotency.ts';
import { orderReads } from './reads.ts';
import { contentOf, orderWrites } from './writes.ts';

const PREPARE_INTERVAL_MS = 1_000;

const Id = Type.Object({ id: Type.String() });
const Accepted = <T extends JobType>(type: T) =>
  Type.Object({
    job_id: Type.String(),
    job_type: Type.Literal(type),
    status: Type.Literal('queued'),
    order_id: Type.String(),
    message: Type.String(),
  });

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

/** Turns quantities that are numeric strings into numbers, as the service that this one replaces took those too. */
const readNumericQuantities = (
  { body }: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void => {
  const items = typeof body === 'object' && body !== null && 'items' in body ? body.items : undefined;
  if (Array.isArray(items)) for (const item of items) readNumber(item, 'quantity');
  done();
};

export const orderRoutes: FastifyPluginAsyncTypebox<{ config: Pick<Config, 'cache' | 'rabbitmq'> }> = async (
  app,
  { config },
) => {
  const { cache } = app;
  const writes = orderWrites(app);
  const reads = orderReads(app, config.cache.appliedTtl * 1000);
  const absence = orderAbsence(app, {
    acceptMicros: config.rabbitmq.publishTimeoutMs * 1e3,
    keptMicros: config.cache.waitingTtl * 1e6,
  });

  app.addHook('onReady', absence.prepare);
  const preparing = setInterval(absence.prepare, PREPARE_INTERVAL_MS).unref();
  app.addHook('onClose', async () => clearInterval(preparing));

  app.post(
    '/orders',
    {
      schema: {
        body: NewOrder,
        response: { 202: Accepted('create_order'), ...errorAnswers },
      },
      preValidation: readNumericQuantities,
    },
    async (request, reply) => {
      const content = contentOf(request.body);
      const asked = { type: 'create_order', meaning: content } as const;
      const accepted = await acceptOnce(cache, { request, reply }, asked, async (origin) => ({
        ...(await writes.create(content, origin)),
        message: 'Order creation scheduled.',
      }));
      return reply.code(202).send(accepted);
    },
  );

  app.patch(
    '/orders/:id/status',
    {
      schema: {
        params: Id,
        body: StatusUpdate,
        response: { 202: Accepted('update_order_status'), ...errorAnswers },
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
      return reply.code(202).send(accepted);
    },
  );

  app.delete(
    '/orders/:id',
    {
      schema: {
        params: Id,
        response: { 202: Accepted('delete_order'), ...errorAnswers },
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
      return reply.code(202).send(accepted);
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
