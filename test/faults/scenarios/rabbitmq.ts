/** RabbitMQ away, silent, short of memory, or without its queue. */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../../process/config.ts';
import { onConnection } from '../../../queue/connection.ts';
import { until } from '../../../testbed/until.ts';
import { apiHeap, countLogged, drain, repeat, setMemoryAlarm } from '../engine/faults.ts';
import type { Scenario } from '../engine/scenario.ts';
import type { World } from '../engine/world.ts';

/** A quorum queue of RabbitMQ 3.10 may not survive a SIGKILL within a second of its declaration. */
const QUEUES_SETTLE_MS = 3_000;
const KILL_INTERVAL_MS = 10_000;
const AWAY_MS = { full: 20_000, short: 3_000 };
/** Of all API workers together: above what requests in flight hold, and below what as many would that waited. */
const HEAP_GROWTH_MAX = 20e6;

const awayMs = (full: boolean) => (full ? AWAY_MS.full : AWAY_MS.short);

const deleteQueue = ({ env }: World) => {
  const { rabbitmq } = loadConfig(env);
  return onConnection(rabbitmq, 'fault suite', async (model) => {
    const channel = await model.createChannel();
    await channel.deleteQueue(rabbitmq.queue);
  });
};

export const rabbitmqScenarios: Scenario[] = [
  {
    number: 5,
    title: 'RabbitMQ killed and restarted',
    faults: async (context) => {
      const { world, load, full, fail } = context;
      const { rabbitmq } = world.servers;
      await repeat(2, context, async () => {
        await sleep(full ? KILL_INTERVAL_MS : QUEUES_SETTLE_MS);
        const before = load.counts.refused + load.counts.unknown;
        await rabbitmq.kill();
        await rabbitmq.start();
        if (load.counts.refused + load.counts.unknown === before) fail('no write met a dead RabbitMQ');
      });
    },
  },
  {
    number: 6,
    title: 'RabbitMQ frozen, then stopped',
    load: { keyed: true },
    maxRequestMs: 3_000,
    faults: async ({ world, load, full, progress, fail }) => {
      const { rabbitmq } = world.servers;
      const away = async (what: string, begin: () => unknown, end: () => unknown) => {
        await begin();
        const before = load.counts.accepted;
        await sleep(awayMs(full));
        // What was confirmed before may still be on its way to the client.
        if (load.counts.accepted > before + load.clients) fail(`writes were accepted by a ${what} RabbitMQ`);
        await end();
      };
      await sleep(QUEUES_SETTLE_MS);
      await away('frozen', rabbitmq.freeze, rabbitmq.thaw);
      await progress(0.6);
      await away('stopped', rabbitmq.stop, rabbitmq.start);
      for (const trace of ['No confirm within', 'RabbitMQ is lost'])
        if (countLogged(world, 'api', trace) === 0) fail(`no API logged "${trace}"`);
    },
  },
  {
    number: 7,
    title: 'memory alarm and blocked connections',
    world: { apiInject: 'heap' },
    load: { clients: 32 },
    maxRequestMs: 3_000,
    faults: async ({ world, load, full, progress, fail }) => {
      await progress(0.5);
      const { refused } = load.counts;
      await setMemoryAlarm(world, true);
      await sleep(awayMs(full) / 2);
      const heap = await apiHeap(world);
      await sleep(awayMs(full) / 2);
      const growth = (await apiHeap(world)) - heap;
      if (growth > HEAP_GROWTH_MAX)
        fail(`while they were blocked the APIs have grown by ${Math.round(growth / 1e6)} MB`);
      if (load.counts.refused === refused) fail('no write was refused');
      if (countLogged(world, 'api', 'RabbitMQ takes no messages for now') === 0)
        fail('no connection was blocked');
      await setMemoryAlarm(world, false);
      const { accepted } = load.counts;
      await until('writes are accepted again', () => load.counts.accepted > accepted + 100);
    },
  },
  {
    number: 8,
    title: 'the queue deleted under us',
    ownWorld: true,
    faults: async (context) => {
      const { world, load, full, progress, fail } = context;
      const times = full ? 5 : 2;
      const before = load.counts.refused;
      // One that starts while the queue is gone declares it at once, which RabbitMQ 3.10 does not survive.
      const workers = world.apis.length * loadConfig(world.env).api.workers;
      await until(
        'all API workers are connected',
        () => countLogged(world, 'api', 'RabbitMQ is reached') >= workers,
      );
      for (let n = 1; n <= times; n++) {
        await progress(n / (times + 1));
        // What waits in a queue goes with it: that would be the deleter's doing.
        await load.pause();
        await drain(context);
        await deleteQueue(world);
        load.resume();
        const { accepted } = load.counts;
        await until('writes are accepted again', () => load.counts.accepted > accepted);
      }
      if (load.counts.refused === before) fail('no write met the missing queue');
    },
  },
];
