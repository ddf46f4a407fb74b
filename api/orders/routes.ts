/** /orders: creating, changing, deleting and reading one order. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { JobType } from '../../domain/jobs.ts';
import type { Asked } from '../../domain/keyed-ids.ts';
import { NewOrder, Order, StatusUpdate } from '../../domain/order.ts';
import type { Config } from '../../process/config.ts';
import { errorAnswers, JSON_TYPE, notFound, Ready } from '../http/answers.ts';
import { answerOver, waits } from '../jobs/waiting.ts';
import { acceptOnce } from './idempotency.ts';
import { requireOrderId } from './order-id.ts';
import { orderReads } from './reads.ts';
import { type Accepted, contentOf, type Origin, orderWrites, readNumericQuantities } from './writes.ts';

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

/** The answer without a body to a DELETE that is over. */
const Nothing = Type.Unsafe<undefined>(Type.Null());

/** The URL of a job has what tells what becomes of it even if all that is left is the order in MySQL. */
const jobUrl = ({ job_id, order_id, version }: Accepted<JobType>) =>
  `/jobs/${job_id}?order_id=${order_id}&version=${version}`;

const answer = (reply: FastifyReply, accepted: Accepted<JobType>): void => {
  reply
    .code(202)
    .header('location', jobUrl(accepted))
    .header('retry-after', RETRY_AFTER_SECONDS)
    .send(accepted);
};

export const orderRoutes: FastifyPluginAsyncTypebox<{ config: Pick<Config, 'cache'> }> = async (
  app,
  { config },
) => {
  const { cache, absence } = app;
  const writes = orderWrites(app);
  const reads = orderReads(app, config.cache.appliedTtl * 1000);
  const waitFor = waits(app);
  const read = async (id: string) => (await reads.one(id)) ?? (await absence.confirm(id, reads.one));

  /** Carries out a write once, and answers when it is accepted, or when it is over if the client prefers that. */
  const accept = async (
    { request, reply }: { request: FastifyRequest; reply: FastifyReply },
    { message, ...asked }: Asked & { message: string },
    write: (origin: Origin) => Promise<Accepted<JobType>>,
  ): Promise<FastifyReply> => {
    const wait = waitFor(request, reply);
    try {
      const accepted = await acceptOnce(cache, { request, reply }, asked, async (origin) => ({
        ...(await write(wait ? { ...origin, register: wait.register } : origin)),
        message,
      }));
      const { job_id: jobId, order_id: orderId, version } = accepted;
      const job = await wait?.over({ jobId, link: { orderId, version } });
      const over = job && { type: asked.type, orderId, url: jobUrl(accepted), job };
      if (!over || !(await answerOver(reply, over, read))) answer(reply, accepted);
      return reply;
    } finally {
      wait?.end();
    }
  };

  app.post(
    '/orders',
    {
      schema: {
        body: NewOrder,
        response: { 201: Ready(Order), 202: AcceptedAnswer('create_order'), ...errorAnswers },
      },
      preValidation: (request, _reply, done) => {
        readNumericQuantities(request.body);
        done();
      },
    },
    async (request, reply) => {
      const content = contentOf(request.body);
      const asked = { type: 'create_order', meaning: content, message: 'Order creation scheduled.' } as const;
      return accept({ request, reply }, asked, (origin) => writes.create(content, origin));
    },
  );

  app.patch(
    '/orders/:id/status',
    {
      schema: {
        params: Id,
        body: StatusUpdate,
        response: { 200: Ready(Order), 202: AcceptedAnswer('update_order_status'), ...errorAnswers },
      },
      preValidation: requireOrderId,
    },
    async (request, reply) => {
      const meaning = { order_id: request.params.id, status: request.body.status };
      const asked = { type: 'update_order_status', meaning, message: 'Status update scheduled.' } as const;
      return accept({ request, reply }, asked, (origin) => writes.updateStatus(meaning, origin));
    },
  );

  app.delete(
    '/orders/:id',
    {
      schema: {
        params: Id,
        response: { 204: Nothing, 202: AcceptedAnswer('delete_order'), ...errorAnswers },
      },
      preValidation: requireOrderId,
    },
    async (request, reply) => {
      const { id: order_id } = request.params;
      const asked = { type: 'delete_order', meaning: { order_id }, message: 'Deletion scheduled.' } as const;
      return accept({ request, reply }, asked, (origin) => writes.remove(order_id, origin));
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
      const order = await read(id);
      if (order === undefined) throw notFound(id);
      return reply.code(200).type(JSON_TYPE).send(order);
    },
  );
};
