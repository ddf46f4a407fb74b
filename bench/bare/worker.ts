/** A worker of the bare server. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { fastify } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import type { JobType } from '../../domain/jobs.ts';
import { NewOrder, StatusUpdate } from '../../domain/order.ts';
import { environment, loadConfig } from '../../process/config.ts';
import { openBareStores } from './stores.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const ETAG = '"bare"';

const Id = Type.Object({ id: Type.String() });
const Accepted = Type.Object({
  job_id: Type.String(),
  job_type: Type.String(),
  status: Type.String(),
  order_id: Type.String(),
  message: Type.String(),
});

const config = loadConfig(environment());

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { redis, publish, readOrder } = await openBareStores(config);
  const pendingKey = (id: string) => `temp_order:${id}`;
  const keep = (id: string, value: object) =>
    redis.set(pendingKey(id), JSON.stringify(value), 'EX', config.cache.waitingTtl);

  const jobOf = (type: JobType, payload: object) => ({
    job_id: uuidv7(),
    type,
    payload,
    version: Date.now() * 1000,
    accepted_at: new Date().toISOString(),
  });
  const answer = ({ job_id, type }: ReturnType<typeof jobOf>, order_id: string, message: string) => ({
    job_id,
    job_type: type,
    status: 'queued',
    order_id,
    message,
  });

  app.post('/orders', { schema: { body: NewOrder, response: { 202: Accepted } } }, async (request, reply) => {
    const order = { order_id: uuidv7(), ...request.body };
    const job = jobOf('create_order', order);
    await Promise.all([keep(order.order_id, order), publish(job)]);
    return reply.code(202).send(answer(job, order.order_id, 'Order creation scheduled.'));
  });

  app.patch(
    '/orders/:id/status',
    { schema: { params: Id, body: StatusUpdate, response: { 202: Accepted } } },
    async (request, reply) => {
      const { id } = request.params;
      const pending = JSON.parse((await redis.get(pendingKey(id))) ?? '{}');
      const job = jobOf('update_order_status', { order_id: id, ...request.body });
      await Promise.all([keep(id, { ...pending, ...request.body }), publish(job)]);
      return reply.code(202).send(answer(job, id, 'Status update scheduled.'));
    },
  );

  app.delete(
    '/orders/:id',
    { schema: { params: Id, response: { 202: Accepted } } },
    async (request, reply) => {
      const { id } = request.params;
      const pending = JSON.parse((await redis.get(pendingKey(id))) ?? '{}');
      const job = jobOf('delete_order', { order_id: id });
      await Promise.all([keep(id, { ...pending, deleting: true }), publish(job)]);
      return reply.code(202).send(answer(job, id, 'Deletion scheduled.'));
    },
  );

  app.get('/orders/:id', { schema: { params: Id } }, async (request, reply) => {
    const { id } = request.params;
    const [pending, , cached] = await redis.mget(pendingKey(id), `order_writes:${id}`, `orders:detail:${id}`);
    return reply.type(JSON_TYPE).send(pending ?? cached);
  });

  app.get('/mysql/:id', { schema: { params: Id } }, async (request, reply) =>
    reply.type(JSON_TYPE).send(JSON.stringify(await readOrder(request.params.id))),
  );

  let known: string | null = null;
  let list: Buffer | null = null;
  app.get('/orders', async (_request, reply) => {
    const version = await redis.get('orders:list:version');
    if (version !== known) list = await redis.getBuffer(`orders:list:${version}`);
    known = version;
    return reply.type(JSON_TYPE).send(list);
  });

  app.get('/unchanged', async (_request, reply) => reply.code(304).header('etag', ETAG).send());
};

const app = fastify();
await app.register(routes);
await app.listen({ host: config.api.host, port: config.api.port });
