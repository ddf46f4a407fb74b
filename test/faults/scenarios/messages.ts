/** Messages that are wrong, late, shuffled, repeated, or replayed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { deadQueue } from '../../../queue/topology.ts';
import { until } from '../../../testbed/until.ts';
import { permutations } from '../../helpers/permutations.ts';
import { readShown } from '../engine/answers.ts';
import type { OrderHistory, Write } from '../engine/history.ts';
import { makeJobs, publishAll } from '../engine/jobs.ts';
import { createCaller, startLoad } from '../engine/load.ts';
import type { Scenario } from '../engine/scenario.ts';
import { readQueues } from '../engine/stores.ts';

const QUEUE = 'order_write_jobs';

/** How many invalid messages come among the good ones. */
const invalidCount = (full: boolean) => (full ? 1_000 : 50);

export const messageScenarios: Scenario[] = [
  {
    number: 15,
    title: 'invalid messages, and a job that kills who takes it',
    world: { consumerInject: 'poison' },
    dead: (full) => ({ invalid_message: invalidCount(full), crashed: 1 }),
    faults: async ({ world, full, enough, progress }) => {
      await progress(0.1);
      const poison = makeJobs('poison', ['create']);
      await publishAll(world.env, QUEUE, poison.jobs);
      const step = invalidCount(full) / 10;
      for (let i = 0; i < invalidCount(full); i += step) {
        const invalid = Array.from({ length: step }, (_, n) =>
          JSON.stringify({ job_id: `bad ${i + n}`, type: 'bad' }),
        );
        await publishAll(world.env, QUEUE, invalid);
        if (!enough()) await sleep(100);
      }
      await until(
        'the poison is in the dead letters',
        async () => (await readQueues(world.env)).dead.some(({ reason }) => reason === 'crashed'),
        120_000,
      );
    },
  },
  {
    number: 16,
    title: 'a backlog that waits longer than three times TEMP_ORDER_CACHE_TTL',
    world: { env: { TEMP_ORDER_CACHE_TTL: '1' } },
    history: async (world, { random, accepted }) => {
      await Promise.all(world.consumers.map((consumer) => consumer.stop()));
      const load = startLoad({ urls: world.urls, random });
      await until('enough is accepted', () => load.counts.accepted >= accepted, 300_000);
      await load.stop();
      await sleep(3_500);
      const waiting = load.history.filter(({ id }) => id !== undefined);
      const shown = await readShown(
        world.urls[1] ?? '',
        waiting.map(({ id }) => id ?? ''),
      );
      for (const order of waiting)
        order.reads.push({ after: order.writes.length, saw: shown.get(order.id ?? '') ?? '' });
      for (const consumer of world.consumers) consumer.start();
      return load.history;
    },
  },
  {
    number: 17,
    title: 'every message three times, and shuffled',
    history: async (world, { random, full }) => {
      const made = Array.from({ length: full ? 6_500 : 100 }, (_, n) => {
        const changes = Array.from({ length: random.integer(0, 4) }, (): Write['kind'] => 'status');
        return makeJobs(`shuffled ${n}`, [
          'create',
          ...changes,
          ...(random.chance(0.3) ? (['delete'] as const) : []),
        ]);
      });
      const jobs = made.flatMap((one) => one.jobs);
      await publishAll(world.env, QUEUE, random.shuffle([...jobs, ...jobs, ...jobs]));
      return made.map(({ order }) => order);
    },
  },
  {
    number: 20,
    title: 'DELETE, PATCH and POST of one order in each permutation',
    history: async (world, { full }) => {
      const made: OrderHistory[] = [];
      for (let n = 0; n < (full ? 1_200 : 3); n++)
        for (const [p, order] of permutations([0, 1, 2]).entries()) {
          const one = makeJobs(`permutation ${n} ${p}`, ['create', 'status', 'delete']);
          await publishAll(
            world.env,
            QUEUE,
            order.map((i) => one.jobs[i] ?? ''),
          );
          made.push(one.order);
        }
      return made;
    },
  },
  {
    number: 21,
    title: 'dead letters replayed after a newer PATCH and after a DELETE',
    history: async (world, { full, fail }) => {
      const patched = Array.from({ length: full ? 500 : 20 }, (_, n) =>
        makeJobs(`patched ${n}`, ['create', 'status', 'status']),
      );
      const deleted = patched.map((_, n) => makeJobs(`deleted ${n}`, ['create', 'status', 'delete']));
      const late = [...patched, ...deleted].map(({ jobs }) => jobs[1] ?? '');
      const again = deleted.map(({ jobs }) => jobs[0] ?? '');
      await publishAll(
        world.env,
        QUEUE,
        [...patched, ...deleted].flatMap(({ jobs }) => [jobs[0] ?? '', jobs[2] ?? '']),
      );
      await until(
        'the newer ones are applied',
        async () => {
          const stored = await world.orders();
          return stored.length === patched.length && stored.every(({ status }) => status === 'status 2');
        },
        120_000,
      );
      await publishAll(world.env, deadQueue(QUEUE), [...late, ...again]);

      const { call, close } = createCaller();
      const answer = await call('POST', `${world.urls[0]}/admin/dead-letters/replay`, undefined, {
        'x-admin-password': 'sesame',
      });
      close();
      const { replayed } = (typeof answer === 'object' ? answer.body : {}) as { replayed?: number };
      if (replayed !== late.length + again.length)
        fail(`${replayed} of ${late.length + again.length} were replayed`);
      await until('nothing waits', async () => (await readQueues(world.env)).waiting === 0);
      await sleep(1_000);
      return [...patched, ...deleted].map(({ order }) => order);
    },
  },
];
