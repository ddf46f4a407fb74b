/** A Redis Cluster whose slots move, and whose masters are replaced. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'ioredis';
import { until } from '../../../testbed/until.ts';
import type { ClusterNode, RedisCluster } from '../../helpers/redis-cluster.ts';
import { countLogged, repeat } from '../engine/faults.ts';
import type { Context, Scenario } from '../engine/scenario.ts';
import { falselyGone } from './redis.ts';
import { SHORT_LIFE_MS, shortLived } from './stores.ts';

/** One API knows from the start that Redis is a cluster, all other processes find out. */
const world = { redisCluster: true, apis: [{ REDIS_CLUSTER: 'true' }, {}] };
/** Keys that all processes use. */
const SHARED = ['orders:feed', 'orders:since', 'orders:list:version'];

const clusterOf = ({ world: { redisCluster } }: Context): RedisCluster => {
  if (!redisCluster) throw new Error('This world has no cluster.');
  return redisCluster;
};
const slotOf = (key: string): number => new Command('get', [key]).getSlot();

/** Moves the slots of orders that are in use, and now and then one that everybody uses. */
const moveSlots = async (context: Context): Promise<void> => {
  const { load, random } = context;
  const cluster = clusterOf(context);
  await repeat(20, context, async () => {
    const { id } = random.pick(load.history.slice(-load.clients));
    const slot = slotOf(random.chance(0.2) ? random.pick(SHARED) : `temp_order:${id}`);
    const owner = await cluster.ownerOf(slot);
    const masters = await cluster.mastersKnownTo(cluster.nodes[0] as ClusterNode);
    const others = masters.filter((node) => node !== owner);
    if (owner) await cluster.moveSlot(slot, owner, random.pick(others));
    await sleep(random.integer(0, 50));
  });
};

type Succession = (cluster: RedisCluster, master: ClusterNode, replica: ClusterNode) => Promise<unknown>;
const succeeded = (cluster: RedisCluster, replica: ClusterNode) =>
  until('the replica is a master', () => cluster.isMaster(replica), 60_000);

/** Ways in which a replica takes its master's place. */
const killed: Succession = async (cluster, master, replica) => {
  await master.kill();
  await succeeded(cluster, replica);
  await master.start();
};
const frozen: Succession = async (cluster, master, replica) => {
  master.freeze();
  await succeeded(cluster, replica);
  master.thaw();
};
const handedOver: Succession = (cluster, _master, replica) => cluster.handOver(replica);
/** The replica asks nobody, and has not got what its master has been given last. */
const takenOver: Succession = (_cluster, _master, replica) =>
  replica.admin.call('CLUSTER', 'FAILOVER', 'TAKEOVER');

export const redisClusterScenarios: Scenario[] = [
  {
    number: 34,
    title: 'slots of a Redis Cluster move',
    world,
    maxRequestMs: 3_000,
    faults: async (context) => {
      await moveSlots(context);
      const { world, fail } = context;
      for (const trace of ['Redis is lost', 'Redis answers and refuses'])
        for (const whose of ['api', 'consumer'] as const)
          if (countLogged(world, whose, trace) > 0) fail(`the ${whose} logged "${trace}"`);
      if (countLogged(world, 'api', 'Redis is a cluster') === 0) fail('no API has found out that it is one');
    },
  },
  {
    number: 35,
    title: 'masters of a Redis Cluster are killed, frozen, and replaced by hand',
    world: { ...world, env: shortLived },
    load: { clients: 8 },
    readYourWrites: false,
    shownAfterMs: SHORT_LIFE_MS,
    maxRequestMs: 3_000,
    faults: async (context) => {
      const { world, load, full, random, fail } = context;
      const cluster = clusterOf(context);
      const ways = full ? [killed, handedOver, frozen, takenOver] : [killed, takenOver];
      await repeat(1, context, async () => {
        for (const replace of ways) {
          const [master, replica] = await cluster.pair();
          await replace(cluster, master, replica);
          await world.whole();
          await cluster.whole();
          await sleep(random.integer(0, 500));
        }
      });
      for (const problem of falselyGone(load.history)) fail(problem);
      for (const trace of ['Redis is lost', 'Redis is back'])
        if (countLogged(world, 'api', trace) === 0) fail(`no API logged "${trace}"`);
    },
  },
];
