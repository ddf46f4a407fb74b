/** GET /orders: all orders, or a page of them. */
import { pipeline } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { Order } from '../../domain/order.ts';
import type { Config } from '../../process/config.ts';
import { errorAnswers, JSON_TYPE, notFound, Ready } from '../http/answers.ts';
import { compressor } from '../http/compression.ts';
import { chooseCoding, namesTag } from '../http/negotiation.ts';
import { listBuilder } from './build.ts';
import { orderLists, TOO_LARGE } from './lists.ts';
import { ListQuery } from './query.ts';
import { keepCountRight } from './recount.ts';

/** A smaller answer fits in a packet or two, compressed or not. */
const COMPRESS_FROM_BYTES = 1_024;

/** An answer without a body. */
const Nothing = Type.Unsafe<undefined>(Type.Null());
const OrderList = Type.Object({
  total_orders: Type.Optional(Type.Integer()),
  orders: Type.Array(Order),
  next: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

export const listRoutes: FastifyPluginAsyncTypebox<{ config: Config['lists'] }> = async (app, { config }) => {
  const lists = orderLists(listBuilder(app.database, config.making), app.cache.lists, config, app.observer);
  const stopCounting = keepCountRight(app);
  app.addHook('onClose', () => {
    stopCounting();
    // Before the pool is closed, which would wait for its connections.
    return lists.close();
  });

  app.route({
    // Fastify's own HEAD would give a 304 the length 0, which is not that of the list (RFC 9110, 8.6).
    method: ['GET', 'HEAD'],
    url: '/orders',
    schema: {
      querystring: ListQuery,
      response: { 200: Ready(OrderList), 304: Nothing, ...errorAnswers },
    },
    handler: async (request, reply) => {
      const { query, headers, method } = request;
      const answer = await lists.find(query, reply.raw);
      if (answer === undefined) throw notFound(query.after ?? '');
      // A browser may keep the answer, and asks each time whether it is still so (RFC 9111, 5.2.2.4).
      reply.headers({ vary: 'accept-encoding', 'cache-control': 'no-cache' });
      if (answer === TOO_LARGE) {
        const coding = chooseCoding(headers['accept-encoding']);
        const stream = await lists.stream(query, reply.raw);
        if (stream === undefined) throw notFound(query.after ?? '');
        const { next, body } = stream;
        if (next !== undefined) reply.header('link', `<${next}>; rel="next"`);
        if (coding !== undefined) reply.header('content-encoding', coding);
        reply.code(200).type(JSON_TYPE);
        if (method !== 'HEAD')
          return reply.send(coding === undefined ? body : pipeline(body, compressor(coding), () => {}));
        body.destroy();
        return reply.send(undefined);
      }

      reply.header('etag', answer.etag);
      if (namesTag(headers['if-none-match'], answer.etag)) return reply.code(304).send();
      if (answer.next !== undefined) reply.header('link', `<${answer.next}>; rel="next"`);
      reply.code(200).type(JSON_TYPE);
      const coding =
        answer.body.length < COMPRESS_FROM_BYTES ? undefined : chooseCoding(headers['accept-encoding']);
      const compressed = coding && (await lists.encoded(answer, coding));
      if (compressed !== undefined) reply.header('content-encoding', coding);
      reply.send(compressed ?? answer.body);
      if (reply.raw.writableLength > 0) lists.holdUntilSent(answer, reply.raw);
      return reply;
    },
  });
};
