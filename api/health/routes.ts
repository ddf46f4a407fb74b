/** /health: for load balancers and orchestrators. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from '@sinclair/typebox';
import { type Cache, RedisUnusable } from '../../cache/cache.ts';
import type { Database } from '../../db/client.ts';
import { withDeadline } from '../../process/deadline.ts';

const CHECK_TIMEOUT_MS = 2_000;

const Check = Type.Object({
  ok: Type.Boolean(),
  ms: Type.Number({ description: 'milliseconds the answer took' }),
  reason: Type.Optional(
    Type.String({ description: 'why the server is of no use just now, or cannot be relied on' }),
  ),
});
type Check = Static<typeof Check>;

const Readiness = Type.Object({
  status: Type.Union([
    Type.Literal('ready'),
    Type.Literal('degraded'),
    Type.Literal('unavailable'),
    Type.Literal('ending'),
  ]),
  mysql: Check,
  redis: Type.Optional(Check),
  rabbitmq: Check,
});

const check = async (ping: () => Promise<void>): Promise<Check> => {
  const started = performance.now();
  const failure = await withDeadline(ping(), CHECK_TIMEOUT_MS).then(
    () => undefined,
    (error) => ({ reason: error instanceof RedisUnusable ? error.message : undefined }),
  );
  return { ok: !failure, ms: Math.round((performance.now() - started) * 10) / 10, ...failure };
};

/**
 * Checks reads and writes. If only writes fail, the API still answers reads, and accepts writes, which wait in the
 * queue.
 * @returns the check, and in `answers` whether MySQL can be read
 */
const checkMysql = async ({ ping, probeWrites }: Database): Promise<Check & { answers: boolean }> => {
  const [reads, writes] = await Promise.all([check(ping), check(probeWrites)]);
  const refused = reads.ok && !writes.ok && { ok: false, reason: 'MySQL takes no writes.' };
  return { ...reads, ...refused, answers: reads.ok };
};

/** Redis may work and still not be reliable, for example because it may evict keys: then the check says why. */
const checkRedis = async ({ ping, concern }: Cache): Promise<Check> => {
  const redis = await check(ping);
  const reason = redis.ok ? await concern() : redis.reason;
  return { ...redis, ...(reason !== undefined && { reason }) };
};

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
      const { database, cache, broker } = app;
      const [{ answers, ...mysql }, redis, rabbitmq] = await Promise.all([
        checkMysql(database),
        cache.enabled ? checkRedis(cache) : undefined,
        check(broker.ping),
      ]);
      if (app.isDraining()) return reply.code(503).send({ status: 'ending', mysql, redis, rabbitmq });
      // Without MySQL reads cannot be served, without RabbitMQ writes cannot; without Redis both can.
      if (!answers || !rabbitmq.ok)
        return reply.code(503).send({ status: 'unavailable', mysql, redis, rabbitmq });
      const isWell = mysql.ok && redis?.ok !== false && redis?.reason === undefined;
      const status = isWell ? 'ready' : 'degraded';
      return reply.code(200).send({ status, mysql, redis, rabbitmq });
    },
  );
};
