/** Whatever the order in which the jobs of an order arrive, and however often, it ends as their versions say. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import type { WriteJob } from '../../domain/jobs.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { permutations } from '../helpers/permutations.ts';
import { type Running, startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const stores = await openStores(t, env);
const dead = `${stores.queue}.dead`;
// Lines for each job.
const consumerEnv = { ...env, LOG_LEVEL: 'debug' };
const consumers = [startProcess(t, 'consumer', consumerEnv)];
await consumers[0]?.says('consuming');

const EPOCH = 1_700_000_000_000_000;
const items = [{ name: 'Tea', quantity: 1 }];
const versioned = (version?: number) => (version === undefined ? {} : { version: EPOCH + version });
const create = (order_id: string, version?: number): WriteJob => ({
  job_id: randomUUID(),
  type: 'create_order',
  payload: { order_id, customer_name: 'Ada', status: 'received', items },
  ...versioned(version),
});
const patch = (order_id: string, status: string, version?: number): WriteJob => ({
  job_id: randomUUID(),
  type: 'update_order_status',
  payload: { order_id, status },
  ...versioned(version),
});
const remove = (order_id: string, version?: number): WriteJob => ({
  job_id: randomUUID(),
  type: 'delete_order',
  payload: { order_id },
  ...versioned(version),
});

/** The status that an order ends with when its jobs are carried out one after the other; undefined: no order. */
const sequentially = (jobs: WriteJob[]): string | undefined => {
  let status: string | undefined;
  for (const job of jobs) {
    if (job.type === 'create_order') status = job.payload.status;
    else if (job.type === 'delete_order') status = undefined;
    else if (status !== undefined) status = job.payload.status;
  }
  return status;
};

/** Each of the jobs one to three times, the first time in their order; `seed` picks what comes again and where. */
const delivered = <T>(jobs: T[], seed: number): T[] => {
  const all: T[] = [];
  for (const [i, job] of [...jobs.entries()].reverse()) {
    const again = (seed + i) % 3;
    for (let n = 0; n < again; n++) all.splice((seed * 7 + i * 3 + n * 5) % (all.length + 1), 0, job);
    all.unshift(job);
  }
  return all;
};

const jobsDone = () =>
  consumers.reduce((sum, consumer: Running) => sum + consumer.output().split('"job done"').length - 1, 0);

/** Publishes in this order and waits until every delivery is acknowledged. */
const deliver = async (jobs: WriteJob[]) => {
  const before = jobsDone();
  const [first, ...rest] = jobs;
  // The first one alone: should the new queue refuse it for a moment, it must not come after the others.
  if (first) await stores.publish(first);
  await Promise.all(rest.map((job) => stores.publish(job)));
  await until('all jobs are done', () => jobsDone() - before >= jobs.length);
};

/** The n-th of each, then the (n+1)-th of each: the jobs of one order far apart. */
const interleaved = <T>(lists: T[][]): T[] =>
  Array.from({ length: Math.max(...lists.map((list) => list.length)) }).flatMap((_, n) =>
    lists.flatMap((list) => list.slice(n, n + 1)),
  );

const statuses = async () => {
  const rows = await stores.rows('SELECT id, status FROM orders');
  return new Map(rows.map(({ id, status }) => [id, status]));
};

const histories: [what: string, (id: string) => WriteJob[]][] = [
  ['created and patched', (id) => [create(id, 1), patch(id, 'packed', 2), patch(id, 'shipped', 3)]],
  [
    'created, patched and deleted',
    (id) => [create(id, 1), patch(id, 'packed', 2), patch(id, 'shipped', 3), remove(id, 4)],
  ],
];
for (const [what, history] of histories)
  t.test(`${what}: every permutation, each job delivered one to three times`, async (t) => {
    const trials = permutations(Array.from(history('').keys())).flatMap((order) =>
      [0, 1, 2].map((seed) => {
        const id = randomUUID();
        const jobs = history(id);
        const sequence = delivered(order, seed);
        return { id, sequence, jobs, expected: sequentially(jobs) };
      }),
    );
    await deliver(
      interleaved(trials.map(({ sequence, jobs }) => sequence.flatMap((n) => jobs.slice(n, n + 1)))),
    );
    const found = await statuses();
    for (const { id, sequence, expected } of trials)
      t.equal(found.get(id), expected, `delivered as ${sequence.map((n) => `v${n + 1}`)}`);
    t.equal(await stores.waiting(dead), 0, 'no dead letters');
  });

t.test('jobs without a version apply in the order of their delivery', async (t) => {
  const [patched, deleted, mixed] = [randomUUID(), randomUUID(), randomUUID()];
  await deliver([
    create(patched),
    patch(patched, 'one'),
    patch(patched, 'two'),
    patch(patched, 'one'),
    create(deleted),
    patch(deleted, 'one'),
    remove(deleted),
    patch(deleted, 'two'),
    create(deleted),
    create(mixed, 1),
    patch(mixed, 'newer', 9),
    patch(mixed, 'whatever'),
  ]);
  const found = await statuses();
  t.equal(found.get(patched), 'one');
  t.notOk(found.has(deleted));
  t.equal(found.get(mixed), 'whatever', 'also on top of versions');
  await deliver([patch(mixed, 'older', 8)]);
  t.equal((await statuses()).get(mixed), 'whatever', 'which still count');
});

t.test('an older version after a newer one changes nothing, not even the row’s version', async (t) => {
  const id = randomUUID();
  await deliver([
    create(id, 1),
    patch(id, 'newer', 5),
    patch(id, 'older', 4),
    patch(id, 'same', 5),
    create(id, 1),
  ]);
  const [row] = await stores.rows('SELECT status, version FROM orders WHERE id = ?', [id]);
  t.match(row, { status: 'newer', version: EPOCH + 5 });
});

t.test(
  'a create that comes again after the delete changes nothing, also when two consumers race',
  async (t) => {
    const second = startProcess(t, 'consumer', consumerEnv);
    await second.says('consuming');
    consumers.push(second);
    const kept = await statuses();
    const ids = Array.from({ length: 100 }, () => randomUUID());
    const creates = ids.map((id) => create(id, 1));
    await deliver(creates);
    // Side by side, so that each consumer has one of the two in hand at the same time.
    const copies = creates.flatMap((job) => [remove(job.payload.order_id, 2), job, job]);
    await deliver(copies);
    t.strictSame(await statuses(), kept);
    t.strictSame(
      await stores.rows('SELECT * FROM order_items WHERE order_id NOT IN (SELECT id FROM orders)'),
      [],
      'no items without an order',
    );
    const [{ n } = { n: 0 }] = await stores.rows('SELECT COUNT(*) AS n FROM deleted_orders WHERE id IN (?)', [
      ids,
    ]);
    t.equal(Number(n), ids.length, 'a tombstone each');
    t.equal(await stores.waiting(dead), 0);
    t.ok(
      consumers.every((consumer) => ids.some((id) => consumer.output().includes(id))),
      'both had a share',
    );
  },
);
