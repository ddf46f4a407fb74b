/** Finds out how the servers are, and what works with them. */
import type { FastifyInstance } from 'fastify';
import { type Cache, RedisUnusable } from '../../cache/cache.ts';
import type { Database } from '../../db/client.ts';
import { withDeadline } from '../../process/deadline.ts';
import { type Check, capabilities } from './capabilities.ts';

/** Less than the second that Kubernetes' probes wait by default: a server that hangs must not look like a dead API. */
const CHECK_TIMEOUT_MS = 750;

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

/** Says what was seen of a replica: it is looked at all the time. */
const checkReplica = ({ replica }: Database) => {
  if (!replica) return undefined;
  const reason = replica.problem();
  return { mysql_for_reads: { ok: reason === undefined, ...(reason !== undefined && { reason }) } };
};

/** Redis may work and still not be reliable, for example because it may evict keys: then the check says why. */
const checkRedis = async ({ ping, concern }: Cache): Promise<Check> => {
  const redis = await check(ping);
  const reason = redis.ok ? await concern() : redis.reason;
  return { ...redis, ...(reason !== undefined && { reason }) };
};

/**
 * Asks all servers at once; it takes less than a second. Never rejects.
 * @returns how each of them is, and what works; `isWell` if all does, `isUseful` if this process can serve anything
 */
export const findReadiness = async ({
  database,
  cache,
  broker,
}: Pick<FastifyInstance, 'database' | 'cache' | 'broker'>) => {
  const [{ answers, ...mysql }, redis, rabbitmq] = await Promise.all([
    checkMysql(database),
    cache.enabled ? checkRedis(cache) : undefined,
    check(broker.ping),
  ]);
  const queue = broker.seen();
  const { works, isUseful } = capabilities({
    mysql: { answers, takesWrites: mysql.ok },
    redisWorks: redis?.ok === true,
    rabbitmqTakesMessages: rabbitmq.ok,
    queue,
  });
  const replica = checkReplica(database);
  const isWell =
    works.accepting === 'yes' &&
    mysql.ok &&
    replica?.mysql_for_reads.ok !== false &&
    redis?.ok !== false &&
    redis?.reason === undefined;
  const servers = { mysql, ...replica, redis, rabbitmq };
  return { servers, works, isUseful, isWell, consumers: queue?.consumers };
};
