/** Impossible times and versions: a job from far in the future is a dead letter, and affects no other job. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import type { WriteJob } from '../../domain/jobs.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const FAR = 9_000_000_000_000_000;
const HOUR_MS = 3_600_000;
/** Shifts a process's clock by CLOCK_SKEW_MS. */
const shifted = new URL('../faults/inject/clock.mjs', import.meta.url);

const env = await isolatedEnvironment();
const stores = await openStores(t, env);
const app = await startReadyApp(t, env);
const dead = `${stores.queue}.dead`;
const consumer = startProcess(t, 'consumer', env);
await consumer.says('consuming');

const now = () => Date.now() * 1000;
const create = (more: object = {}, order_id: string = randomUUID()): WriteJob => ({
  job_id: randomUUID(),
  type: 'create_order',
  payload: { order_id, customer_name: 'Ada', status: 'received', items: [{ name: 'Tea', quantity: 1 }] },
  ...more,
});
const patch = (order_id: string, status: string, version: number): WriteJob => ({
  job_id: randomUUID(),
  type: 'update_order_status',
  payload: { order_id, status },
  version,
});
const idOf = (job: WriteJob) => job.payload.order_id;
const statusOf = async (id: string) => (await stores.order(id))?.status;
const applied = (job: WriteJob, status = 'received') =>
  until(`${JSON.stringify(job)} is applied`, async () => (await statusOf(idOf(job))) === status);
const post = async () => {
  const payload = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
  return (await app.inject({ method: 'POST', url: '/orders', payload })).json().order_id;
};
const setLastReset = (sql: string) => stores.rows(`UPDATE last_reset SET at = ${sql} WHERE id = 1`);
t.afterEach(() => setLastReset("'1970-01-01'"));

t.test(
  'a job from far ahead is a dead letter that says so, seen no more, and its neighbours are applied',
  async (t) => {
    const inAnHour = new Date(Date.now() + HOUR_MS).toISOString();
    const table: [more: object, sentence: RegExp][] = [
      [
        { version: FAR },
        /^version must be .* at most a minute ahead of the clock, which says .*, got 9000000000000000\.$/,
      ],
      [{ version: now() + 3_600_000_000 }, /^version must be/],
      [{ accepted_at: inAnHour }, /^accepted_at must be at most a minute ahead of the clock, .*, got "20/],
      [{ version: now(), accepted_at: inAnHour }, /^accepted_at/],
    ];
    for (const [more, sentence] of table) {
      const [before, bad, after] = [create({ version: now() }), create(more), create({ version: now() })];
      if (bad.version !== undefined)
        await app.cache.pending.put(idOf(bad), JSON.stringify(bad.payload), bad.version);
      for (const job of [before, bad, after]) await stores.publish(job);
      await applied(before);
      await applied(after);
      const letter = await until('there is a dead letter', () => stores.take(dead));
      t.strictSame(JSON.parse(letter.content.toString()), bad);
      t.equal(letter.properties.headers?.['x-reason'], 'invalid_message');
      t.match(letter.properties.headers?.['x-error'], sentence);
      t.equal(await stores.order(idOf(bad)), undefined);
      await until(
        'it is not shown',
        async () => (await app.inject(`/orders/${idOf(bad)}`)).statusCode === 404,
      );
    }
    const id = await post();
    await until('a later POST is applied', () => stores.order(id));
    const [row] = await stores.rows('SELECT version FROM orders WHERE id = ?', [id]);
    t.ok(Math.abs(row?.version - now()) < 60_000_000, 'by the clock');
  },
);

t.test('half a minute ahead is skew', async () => {
  const job = create({
    version: now() + 30_000_000,
    accepted_at: new Date(Date.now() + 30_000).toISOString(),
  });
  await stores.publish(job);
  await applied(job);
});

t.test('a consumer whose clock is two hours slow takes good jobs, and goes by MySQL’s', async (t) => {
  const own = await isolatedEnvironment({ CLOCK_SKEW_MS: String(-2 * HOUR_MS) });
  const there = await openStores(t, own);
  const slow = startProcess(t, 'consumer', own, [shifted]);
  await slow.says('consuming');
  const jobs = [create({ version: now(), accepted_at: new Date().toISOString() }), create()];
  for (const job of jobs) await there.publish(job);
  for (const job of jobs) {
    const order = await until('it is applied', () => there.order(idOf(job)));
    t.ok(Math.abs(order.accepted_at.getTime() - Date.now()) < 60_000, order.accepted_at.toISOString());
  }
  const bad = create({ version: now() + 3_600_000_000 });
  await there.publish(bad);
  await until('and refuses one from an hour ahead', () => there.take(`${there.queue}.dead`));
});

t.test('a row whose version is from far ahead is overwritten by the next write', async (t) => {
  const job = create({ version: now() });
  await stores.publish(job);
  await applied(job);
  await stores.rows('UPDATE orders SET version = ? WHERE id = ?', [FAR, idOf(job)]);
  const version = now();
  await stores.publish(patch(idOf(job), 'packed', version));
  await applied(job, 'packed');
  const [row] = await stores.rows('SELECT version FROM orders WHERE id = ?', [idOf(job)]);
  t.equal(row?.version, version);
  await consumer.says('versions ahead of the clock');
});

t.test('a reset ahead of the clock is none, and is taken back', async (t) => {
  for (const at of ['UTC_TIMESTAMP(3) + INTERVAL 1 HOUR', "'2255-03-14 16:00:00.000'"]) {
    await setLastReset(at);
    const id = await post();
    await until('a POST is applied all the same', () => stores.order(id));
    await until('it is corrected', async () => {
      const [row] = await stores.rows('SELECT at < UTC_TIMESTAMP() AS past FROM last_reset');
      return row?.past === 1;
    });
  }
  t.match(consumer.output(), 'last_reset is ahead of the clock');
});

t.test('times that are none make no job void', async (t) => {
  await setLastReset('UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE');
  const jobs = [
    ...['1970-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '0001-01-01T00:00:00.000Z'].map(
      (accepted_at) => create({ accepted_at }),
    ),
    create({ version: 1 }),
    create({ version: 7, accepted_at: '1970-01-01T00:00:00.000Z' }),
  ];
  for (const job of jobs) await stores.publish(job);
  for (const job of jobs) await applied(job);
  const zero = create();
  await stores.publish(zero, { timestamp: 0 });
  await applied(zero);
  for (const job of jobs) await stores.publish(patch(idOf(job), 'packed', now()));
  for (const job of jobs) await applied(job, 'packed');
  t.equal(await stores.waiting(dead), 0);
});

t.test('what was accepted before a reset is void: said with how many, and seen no more', async (t) => {
  await setLastReset('UTC_TIMESTAMP(3) - INTERVAL 1 SECOND');
  const old = (Math.floor(Date.now() / 1000) - 5) * 1_000_000;
  const jobs = [
    create({ version: old }),
    create({ version: old, accepted_at: new Date().toISOString() }),
    create({ accepted_at: new Date(old / 1000).toISOString() }),
  ];
  const dated = create();
  const failed = create();
  for (const job of jobs) {
    if (job.version) await app.cache.pending.put(idOf(job), JSON.stringify(job.payload), job.version);
    await stores.publish(job);
  }
  await stores.publish(dated, { timestamp: old / 1_000_000 });
  await stores.publish(failed, { headers: { 'x-first-failed-at': new Date(old / 1000).toISOString() } });
  const all = [...jobs, dated, failed];
  await until('all are done', () => all.every(({ job_id }) => consumer.output().includes(job_id)));
  for (const job of all) {
    t.equal(await stores.order(idOf(job)), undefined);
    await until('it is not shown', async () => (await app.inject(`/orders/${idOf(job)}`)).statusCode === 404);
  }
  const counted = [...consumer.output().matchAll(/"level":40.*"jobs":(\d+),.*before the last reset/g)];
  t.equal(
    counted.reduce((sum, [, jobs]) => sum + Number(jobs), 0),
    all.length,
  );
});

t.test('a tombstone has the time of its delete, not that of who applied it', async (t) => {
  const at = Math.floor(Date.now() / 1000) * 1_000_000 - 30_000_000;
  const job = create({ version: at });
  await stores.publish(job);
  await applied(job);
  const removal = { job_id: randomUUID(), type: 'delete_order', payload: { order_id: idOf(job) } };
  const accepted_at = new Date(at / 1000 + 1).toISOString();
  await stores.publish({ ...removal, version: at + 1_000, accepted_at });
  const [row] = await until('it is deleted', async () => {
    const rows = await stores.rows('SELECT deleted_at FROM deleted_orders WHERE id = ?', [idOf(job)]);
    return rows.length > 0 && rows;
  });
  t.equal(row?.deleted_at.toISOString(), accepted_at);
});
