/** Redis answers, but it is full of cache, or refuses. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../../../ops/ports.ts';
import { startRedis } from '../../../ops/private-servers.ts';
import { redisOverTls } from '../../../testbed/tls-servers.ts';
import { until } from '../../../testbed/until.ts';
import { countLogged, repeat } from '../engine/faults.ts';
import type { OrderHistory } from '../engine/history.ts';
import { GONE } from '../engine/history.ts';
import type { Context, Scenario } from '../engine/scenario.ts';
import { SHORT_LIFE_MS, shortLived } from './stores.ts';

const MIB = 2 ** 20;
/** What Redis may take beside what it has when a scenario begins. */
const ROOM_BYTES = 12 * MIB;
const READERS = 8;
/** Pages at the least, so that without a bound they would take far more than there is room for. */
const PAGES = 1_000;
const REFUSED_MS = 1_500;

const usedMemory = async (redis: Redis): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);

/** Reads that say that an order does not exist, although it was accepted and nobody has asked to delete it. */
export const falselyGone = (history: OrderHistory[]): string[] =>
  history.flatMap(({ id, writes, reads }) =>
    reads
      .filter(
        ({ after, saw }) => saw === GONE && writes.slice(0, after).every(({ kind }) => kind !== 'delete'),
      )
      .map(() => `GET of the accepted order ${id} was answered 404`),
  );

/** Ways in which Redis refuses, and how each ends. */
const refusals: ((redis: Redis) => Promise<() => Promise<unknown>>)[] = [
  async (redis) => {
    await redis.replicaof('127.0.0.1', 1);
    return () => redis.replicaof('NO', 'ONE');
  },
  async (redis) => {
    await redis.config('SET', 'maxmemory', '1');
    return () => redis.config('SET', 'maxmemory', '0');
  },
  async (redis) => {
    await redis.call('ACL', 'SETUSER', 'default', '-@scripting');
    return () => redis.call('ACL', 'SETUSER', 'default', '+@scripting');
  },
];

/** Reads pages, each of which is another one, until the load has had enough. */
const readPages = async ({ world, enough }: Context): Promise<number> => {
  let pages = 0;
  const read = async (reader: number) => {
    for (let n = 0; !enough() || pages < PAGES; n++) {
      const page = `limit=1000&customer_name=c${'%25'.repeat(reader)}&status=${n}`;
      const whole = `limit=${100 + ((n * READERS + reader) % 900)}`;
      const answer = await fetch(
        `${world.urls[n % world.urls.length]}/orders?${n % 10 === 0 ? page : whole}`,
      );
      await answer.arrayBuffer();
      pages++;
    }
  };
  await Promise.all(Array.from({ length: READERS }, (_, reader) => read(reader)));
  return pages;
};

export const redisScenarios: Scenario[] = [
  {
    number: 27,
    title: 'anonymous readers of distinct pages, and a Redis with little memory',
    world: { env: { CACHE_MEMORY_MB: '1' } },
    faults: async (context) => {
      const { world, fail } = context;
      const redis = new Redis(world.env.REDIS_URL ?? '');
      await redis.config('SET', 'maxmemory', String((await usedMemory(redis)) + ROOM_BYTES));
      const pages = await readPages(context);
      const used = await usedMemory(redis);
      redis.disconnect();
      const refused = countLogged(world, 'api', 'Redis answers and refuses');
      if (refused > 0) fail(`after ${pages} pages Redis, with ${used} bytes, refused ${refused} APIs`);
    },
  },
  {
    number: 28,
    title: 'Redis that answers and refuses: a replica, out of memory, an account without scripts',
    world: { env: shortLived },
    readYourWrites: false,
    shownAfterMs: SHORT_LIFE_MS,
    faults: async (context) => {
      const { world, load, random, fail } = context;
      const redis = new Redis(world.env.REDIS_URL ?? '');
      await repeat(1, context, async () => {
        for (const refuse of refusals) {
          const end = await refuse(redis);
          await sleep(REFUSED_MS);
          await end();
          await sleep(random.integer(500, REFUSED_MS));
        }
      });
      redis.disconnect();
      for (const problem of falselyGone(load.history)) fail(problem);
      for (const trace of ['Redis answers and refuses', 'Redis is back'])
        if (countLogged(world, 'api', trace) === 0) fail(`no API logged "${trace}"`);
    },
  },
  {
    number: 36,
    title: 'a Redis replica is promoted again and again, and connections to its primary stay open',
    world: { proxied: true, env: shortLived },
    load: { clients: 8 },
    readYourWrites: false,
    shownAfterMs: SHORT_LIFE_MS,
    maxRequestMs: 3_000,
    faults: async (context) => {
      const { world, load, random, fail } = context;
      const folder = join(world.folder, 'redis-2');
      const [port, tlsPort] = [await freePort(), await freePort()];
      const { certificate, servedPorts } = world;
      await startRedis({ folder, port, settings: certificate ? redisOverTls(certificate, tlsPort) : {} });
      const servedBy = (redis: Redis) => {
        if (redis.options.port !== port) return servedPorts.redis;
        return certificate ? tlsPort : port;
      };
      const servers = [new Redis(world.env.REDIS_URL ?? ''), new Redis({ port })] as [Redis, Redis];
      await repeat(2, context, async () => {
        const [primary, replica] = servers;
        await replica.replicaof('127.0.0.1', primary.options.port ?? 0);
        await until('the replica has everything', async () =>
          (await replica.info('replication')).includes('master_link_status:up'),
        );
        await sleep(random.integer(500, 1_500));
        await replica.replicaof('NO', 'ONE');
        await primary.replicaof('127.0.0.1', replica.options.port ?? 0);
        // The name follows later.
        await sleep(random.integer(0, 1_500));
        world.proxies.get('redis')?.leadTo(servedBy(replica));
        await world.whole();
        servers.reverse();
      });
      for (const server of servers) server.disconnect();
      for (const problem of falselyGone(load.history)) fail(problem);
      for (const trace of ['READONLY', 'Redis is back'])
        if (countLogged(world, 'api', trace) === 0) fail(`no API logged "${trace}"`);
    },
  },
];
