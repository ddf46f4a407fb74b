/** GET /orders: all orders, or a page of them. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { Config } from '../../config.ts';
import { Order } from '../../order.ts';
import { listBuilder } from '../list-build.ts';
import { ListQuery } from '../list-query.ts';
import { orderLists } from '../lists.ts';
import { chooseCoding, namesTag } from '../negotiation.ts';
import { errorAnswers, JSON_TYPE, notFound, Ready } from './answers.ts';

/** Below this an answer fits in a packet or two, compressed or not. */
const COMPRESS_FROM_BYTES = 1_024;

/** An answer without a body. */
const Nothing = Type.Unsafe<undefined>(Type.Null());
const OrderList = Type.Object({
  total_orders: Type.Optional(Type.Integer()),
  orders: Type.Array(Order),
  next: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

export const listRoutes: FastifyPluginAsyncTypebox<{ config: Config['lists'] }> = async (app, { config }) => {
  const lists = orderLists(listBuilder(app.database.orm), app.cache.lists, config);

  app.route({
    // Fastify's own HEAD would give a 304 the length 0, which is not that of the list (RFC 9110, 8.6).
    method: ['GET', 'HEAD'],
    url: '/orders',
    schema: {
      querystring: ListQuery,
      response: { 200: Ready(OrderList), 304: Nothing, ...errorAnswers },
    },
    preValidation: ({ query }, _reply, done) => {
      // In capitals it is the same id (RFC 9562, 4).
      if (typeof query.after === 'string') query.after = query.after.toLowerCase();
      done();
    },
    handler: async (request, reply) => {
      const { query, headers } = request;
      const answer = await lists.find(query);
      if (answer === undefined) throw notFound(query.after ?? '');
      // A browser may keep the answer, and asks each time whether it is still so (RFC 9111, 5.2.2.4).
      reply.headers({ etag: answer.etag, vary: 'accept-encoding', 'cache-control': 'no-cache' });
      if (namesTag(headers['if-none-match'], answer.etag)) return reply.code(304).send();

      if (answer.next !== undefined) reply.header('link', `<${answer.next}>; rel="next"`);
      reply.code(200).type(JSON_TYPE);
      const coding =
        answer.body.length < COMPRESS_FROM_BYTES ? undefined : chooseCoding(headers['accept-encoding']);
      if (coding === undefined) return reply.send(answer.body);
      return reply.header('content-encoding', coding).send(await lists.encoded(answer, coding));
    },
  });
};
