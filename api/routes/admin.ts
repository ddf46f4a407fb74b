/** /admin: for whoever has the password. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { timeOf } from '../../clock.ts';
import { resetOrders } from '../../db/orders.ts';
import { withDeadline } from '../../deadline.ts';
import { requireAdmin } from '../plugins/admin.ts';
import { readAnyTypeAsJson } from '../plugins/input.ts';
import { seed } from '../seed.ts';
import { errorAnswers } from './answers.ts';

const MYSQL_WITHIN_MS = 2_000;

const Message = Type.Object({ message: Type.String() });
const SeedRequest = Type.Object(
  { count: Type.Integer({ minimum: 1, maximum: 100_000, description: 'an integer from 1 to 100000' }) },
  { description: 'a JSON object with count' },
);

export const adminRoutes: FastifyPluginAsyncTypebox<{ adminPassword: string | undefined }> = async (
  app,
  { adminPassword },
) => {
  const { broker, cache, clock, database } = app;
  readAnyTypeAsJson(app);
  app.addHook('preValidation', requireAdmin(adminPassword));

  app.post(
    '/admin/seed',
    { schema: { body: SeedRequest, response: { 201: Message, ...errorAnswers } } },
    async (request, reply) => {
      const { count } = request.body;
      await seed(database.orm, count, request.log);
      await cache.lists.invalidate();
      return reply.code(201).send({ message: `Seeded ${count} fake orders.` });
    },
  );

  app.post(
    '/admin/reset',
    { schema: { response: { 200: Message, ...errorAnswers } } },
    async (request, reply) => {
      // Jobs must not be gone where the orders cannot be removed.
      await withDeadline(database.ping(), MYSQL_WITHIN_MS);
      // The queue first: what was accepted before the reset of the database and is not in the queue any more is
      // in the hands of a consumer, who finds it void.
      await broker.purge();
      const version = clock.next();
      await resetOrders(database.orm, timeOf(version));
      await cache.clear(version);
      request.log.info({ request_id: request.id }, 'all orders were removed');
      return reply.code(200).send({ message: 'All orders have been removed.' });
    },
  );
};
