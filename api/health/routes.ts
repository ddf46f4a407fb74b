/** /health: for load balancers and orchestrators. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from '@sinclair/typebox';
import { type Cache, RedisUnusable } from '../../cache/cache.ts';
import type { Database } from '../../db/client.ts';
import { withDeadline } from '../../process/deadline.ts';
import { Capabilities, capabilities } from './capabilities.ts';

/** Less than the second that Kubernetes' probes wait by default: a server that hangs must not look like a dead API. */
const CHECK_TIMEOUT_MS = 750;

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
  ...Capabilities,
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
      const { works, isUseful } = capabilities({
        mysql: { answers, takesWrites: mysql.ok },
        redisWorks: redis?.ok === true,
        rabbitmqTakesMessages: rabbitmq.ok,
        queue: broker.seen(),
      });
      const answer = { ...works, mysql, redis, rabbitmq };
      if (app.isEnding()) return reply.code(503).send({ status: 'ending', ...answer });
      if (!isUseful) return reply.code(503).send({ status: 'unavailable', ...answer });
      const isWell =
        works.accepting === 'yes' && mysql.ok && redis?.ok !== false && redis?.reason === undefined;
      return reply.code(200).send({ status: isWell ? 'ready' : 'degraded', ...answer });
    },
  );
};
