/** /orders/batch: creating many orders with one request. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { shown } from '../../domain/validate.ts';
import { errorAnswers } from '../http/answers.ts';
import { HttpError } from '../http/errors.ts';
import { readNdjson } from '../http/ndjson.ts';
import { acceptBatch, keepingOf, readBatch } from './batch.ts';
import { acceptOnce } from './idempotency.ts';
import { type Origin, orderWrites } from './writes.ts';

const MAX_ORDERS = 1_000;
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

const Orders = Type.Array(Type.Unknown(), {
  minItems: 1,
  maxItems: MAX_ORDERS,
  description: `a list of 1 to ${MAX_ORDERS} orders`,
});
/** With `error` and `code`, or with all the others. It is not written as a union, which is slow to serialise. */
const Result = Type.Partial(
  Type.Object({
    job_id: Type.String(),
    order_id: Type.String(),
    status: Type.Literal('queued'),
    error: Type.String(),
    code: Type.String(),
  }),
);

export const batchRoutes: FastifyPluginAsyncTypebox = async (app) => {
  const { cache } = app;
  const backends = { writes: orderWrites(app), observer: app.observer };
  readNdjson(app, MAX_ORDERS);
  app.removeContentTypeParser('*');
  app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, ({ headers }, body, done) => {
    const type = shown(headers['content-type'] ?? '');
    const sentence = `Content-Type must be application/json or application/x-ndjson, got ${type}.`;
    done(body.length === 0 ? null : new HttpError(415, sentence));
  });

  app.post(
    '/orders/batch',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      schema: {
        body: Orders,
        response: { 202: Type.Object({ results: Type.Array(Result) }), ...errorAnswers },
      },
    },
    async (request, reply) => {
      const batch = await readBatch(request.body);
      const asked = { type: 'create_order', meaning: batch } as const;
      const accept = (origin: Origin) => acceptBatch(backends, batch, origin);
      const results = await acceptOnce(cache, { request, reply }, asked, accept, keepingOf(batch));
      return reply.code(202).send({ results });
    },
  );
};
