/** Nodes of a RabbitMQ cluster that are lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RabbitmqCluster, RabbitmqNode } from '../../../testbed/rabbitmq-cluster.ts';
import { until } from '../../../testbed/until.ts';
import { countLogged } from '../engine/faults.ts';
import type { Context, Scenario } from '../engine/scenario.ts';

/** A quorum queue of RabbitMQ 3.10 may not survive a SIGKILL within a second of its declaration. */
const QUEUES_SETTLE_MS = 3_000;
/** A busy machine may take some of these seconds, RabbitMQ takes fewer to have a new leader. */
const UNACCEPTED_MS = 15_000;
const PATIENCE_MS = 120_000;
/** How long nodes are away while writes go on, and how many writes are accepted meanwhile. */
const AWAY_MS = { full: 20_000, short: 2_000 };
const ACCEPTED_MEANWHILE = 50;
/** Long enough that everybody has left it. */
const FROZEN_MS = { full: 30_000, short: 6_000 };

const clusterOf = ({ world: { rabbitmqCluster } }: Context): RabbitmqCluster => {
  if (!rabbitmqCluster) throw new Error('This world has no cluster.');
  return rabbitmqCluster;
};

/** Waits until writes are accepted, and some more. */
const goesOn = async ({ load }: Context, ms: number): Promise<void> => {
  const { accepted } = load.counts;
  await sleep(ms);
  await until('writes are accepted', () => load.counts.accepted > accepted + ACCEPTED_MEANWHILE, PATIENCE_MS);
};

/** The node to which the APIs are connected first of all, by what they have logged last. */
const inUse = (context: Context): RabbitmqNode => {
  const cluster = clusterOf(context);
  const lines = context.world.logged('api', true).filter((line) => /"RabbitMQ is (reached|back)"/.test(line));
  const { at } = JSON.parse(lines.at(-1) ?? '{}');
  return cluster.at(at) ?? cluster.first;
};

/** Takes a node away that is in use; in the long form each of them. */
const takeAway = async (
  context: Context,
  away: { full: number; short: number },
  leave: (node: RabbitmqNode) => unknown,
  comeBack: (node: RabbitmqNode) => unknown,
): Promise<void> => {
  const { world, full } = context;
  for (const node of full ? clusterOf(context).nodes : [inUse(context)]) {
    await sleep(QUEUES_SETTLE_MS);
    await leave(node);
    await goesOn(context, full ? away.full : away.short);
    await comeBack(node);
    await world.whole();
  }
};

const common = {
  world: { rabbitmqCluster: true },
  // While nodes start again the load goes on for longer than it needs.
  load: { clients: 8 },
  maxRequestMs: 3_000,
};

export const rabbitmqClusterScenarios: Scenario[] = [
  {
    number: 40,
    title: 'a node of a RabbitMQ cluster killed',
    ...common,
    maxUnacceptedMs: UNACCEPTED_MS,
    faults: async (context) => {
      const { world, fail } = context;
      await takeAway(
        context,
        AWAY_MS,
        (node) => node.kill(),
        (node) => node.start(),
      );
      for (const whose of ['api', 'consumer'] as const)
        if (countLogged(world, whose, 'RabbitMQ is lost') === 0) fail(`no ${whose} met the dead node`);
    },
  },
  {
    number: 41,
    title: 'a node of a RabbitMQ cluster drained',
    ...common,
    maxUnacceptedMs: UNACCEPTED_MS,
    faults: async (context) => {
      const { world, fail } = context;
      await takeAway(
        context,
        AWAY_MS,
        (node) => node.drain(),
        (node) => node.revive(),
      );
      if (countLogged(world, 'api', 'is lost') === 0) fail('no API was connected to the node');
    },
  },
  {
    number: 42,
    title: 'a node of a RabbitMQ cluster frozen',
    ...common,
    maxUnacceptedMs: UNACCEPTED_MS,
    faults: async (context) => {
      const { world, fail } = context;
      const trace = 'RabbitMQ has said nothing';
      await takeAway(
        context,
        FROZEN_MS,
        (node) => node.freeze(),
        (node) => node.thaw(),
      );
      if (countLogged(world, 'api', trace) === 0) fail('no API has left the frozen node');
    },
  },
  {
    number: 43,
    title: 'two of three nodes of a RabbitMQ cluster killed',
    ...common,
    faults: async (context) => {
      const { load, full, fail } = context;
      const { nodes } = clusterOf(context);
      const dying = nodes.slice(0, 2);
      await sleep(QUEUES_SETTLE_MS);
      await Promise.all(dying.map((node) => node.kill()));
      const { accepted, refused } = load.counts;
      await sleep(full ? AWAY_MS.full : AWAY_MS.short);
      // What was confirmed before may still be on its way to the client.
      if (load.counts.accepted > accepted + load.clients) fail('writes were accepted by the smaller part');
      if (load.counts.refused === refused) fail('no write was refused');
      await Promise.all(dying.map((node) => node.start()));
      const back = performance.now();
      await goesOn(context, 0);
      const ms = Math.round(performance.now() - back);
      if (ms > UNACCEPTED_MS) fail(`it took ${ms} ms until writes were accepted again`);
    },
  },
];
