/** /health: for load balancers and orchestrators. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import { Capabilities, Check } from './capabilities.ts';
import { findReadiness } from './readiness.ts';

const Readiness = Type.Object({
  status: Type.Union([
    Type.Literal('ready'),
    Type.Literal('degraded'),
    Type.Literal('unavailable'),
    Type.Literal('ending'),
  ]),
  ...Capabilities,
  mysql: Check,
  mysql_for_reads: Type.Optional(Type.Omit(Check, ['ms'])),
  redis: Type.Optional(Check),
  rabbitmq: Check,
});

export const healthRoutes: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/health/live',
    { schema: { response: { 200: Type.Object({ status: Type.Literal('live') }) } } },
    async (_request, reply) => reply.code(200).send({ status: 'live' }),
  );

  app.get(
    '/health/ready',
    { schema: { response: { 200: Readiness, 503: Readiness } } },
    async (_request, reply) => {
      const { servers, works, isUseful, isWell } = await findReadiness(app);
      const answer = { ...works, ...servers };
      if (app.isEnding()) return reply.code(503).send({ status: 'ending', ...answer });
      if (!isUseful) return reply.code(503).send({ status: 'unavailable', ...answer });
      return reply.code(200).send({ status: isWell ? 'ready' : 'degraded', ...answer });
    },
  );
};
