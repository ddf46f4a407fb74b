/** Each type of job as a real consumer process applies it. */
import t from 'tap';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { createJob, deleteJob, untilDone, updateJob } from '../helpers/jobs.ts';
import { ITS_TTL, otherService } from '../helpers/other-service.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const stores = await openStores(t, env);
const consumer = startProcess(t, 'consumer', { ...env, LOG_LEVEL: 'debug' });
await consumer.says('consuming');
const dead = `${stores.queue}.dead`;
const done = (job: { job_id: string }, times?: number) => untilDone(consumer, job, times);

t.test('create_order: the whole order, its items in their order', async (t) => {
  const job = createJob();
  await stores.publish(job);
  await done(job);
  const stored = await stores.order(job.payload.order_id);
  if (!stored) return t.fail('it was not applied');
  const { accepted_at, ...order } = stored;
  t.strictSame(order, job.payload);
  t.ok(Math.abs(Date.now() - accepted_at.getTime()) < 60_000, 'accepted about now, as nobody said when');
});

t.test('an order_id in capitals is the same order', async (t) => {
  const job = createJob();
  const { order_id } = job.payload;
  const change = updateJob(order_id, 'shipped');
  await stores.publish({ ...job, payload: { ...job.payload, order_id: order_id.toUpperCase() } });
  await done(job);
  await stores.publish(change);
  await done(change);
  t.match(await stores.order(order_id), { order_id, status: 'shipped' });
});

t.test('accepted_at, where the job says it, is kept to the millisecond', async (t) => {
  const job = { ...createJob(), accepted_at: '2026-02-03T04:05:06.789Z' };
  await stores.publish(job);
  await done(job);
  t.equal((await stores.order(job.payload.order_id))?.accepted_at.toISOString(), job.accepted_at);
});

t.test('update_order_status and delete_order', async (t) => {
  const job = createJob();
  const { order_id } = job.payload;
  await stores.publish(job);
  const update = updateJob(order_id, 'shipped');
  await stores.publish(update);
  await done(update);
  t.match(await stores.order(order_id), { ...job.payload, status: 'shipped' });

  const removal = deleteJob(order_id);
  await stores.publish(removal);
  await done(removal);
  t.equal(await stores.order(order_id), undefined);
  t.strictSame(await stores.rows('SELECT * FROM order_items WHERE order_id = ?', [order_id]), []);
});

t.test('a job delivered twice changes nothing the second time', async (t) => {
  const job = createJob();
  const { order_id } = job.payload;
  await stores.publish(job);
  await stores.publish(job);
  await done(job, 2);
  t.match(await stores.order(order_id), job.payload);

  const update = updateJob(order_id, 'packed');
  await stores.publish(update);
  await stores.publish(update);
  await done(update, 2);
  t.match(await stores.order(order_id), { ...job.payload, status: 'packed' });

  await stores.publish(job);
  await done(job, 3);
  t.equal(
    (await stores.order(order_id))?.status,
    'packed',
    'a late copy of the create does not undo the update',
  );

  const removal = deleteJob(order_id);
  await stores.publish(removal);
  await stores.publish(removal);
  await done(removal, 2);
  for (const late of [job, update]) await stores.publish(late);
  await done(job, 4);
  await done(update, 3);
  t.equal(await stores.order(order_id), undefined, 'nothing comes back after a delete');
  t.equal(await stores.waiting(dead), 0);
});

t.test(
  'after the commit: detail invalidated, list version bumped, pending copy settled, delete remembered',
  async (t) => {
    const job = createJob();
    const { order_id } = job.payload;
    const pending = { ...job.payload, version: '1700000000000000' };
    await stores.redis.set(`temp_order:${order_id}`, `${JSON.stringify(pending)} `, 'EX', 86_400);
    const version = Number(await stores.redis.get('orders:list:version'));
    await stores.publish({ ...job, version: 1_700_000_000_000_000 });
    await done(job);
    t.ok(Number(await stores.redis.get('orders:list:version')) > version);
    t.strictSame(JSON.parse((await stores.redis.get(`temp_order:${order_id}`)) ?? ''), pending);
    const ttl = await stores.redis.ttl(`temp_order:${order_id}`);
    t.ok(ttl > 50 && ttl <= 60, `applied, it is readable for another ${ttl} s`);

    await stores.redis.set(`orders:detail:${order_id}`, 'old');
    const removal = deleteJob(order_id);
    await stores.publish(removal);
    await done(removal);
    t.equal(await stores.redis.get(`orders:detail:${order_id}`), null);
    t.equal(
      await stores.redis.exists(`orders:guard:{orders:detail:${order_id}}`),
      1,
      'against readers of before',
    );
    t.equal(await stores.redis.get(`temp_order:${order_id}`), null);
    t.equal(await stores.redis.get(`order_writes:{temp_order:${order_id}}`), 'deleted');
  },
);

t.test('the copy of a service without versions stays as it left it, until a delete is applied', async (t) => {
  const other = otherService(stores.redis);
  const job = createJob();
  const { order_id } = job.payload;
  await other.post(job.payload);
  await other.patch(order_id, 'packed');
  await stores.publish(job);
  await done(job);
  t.match(await other.read(order_id), { ...job.payload, status: 'packed' }, 'its PATCH waits still');
  t.ok((await stores.redis.ttl(`temp_order:${order_id}`)) <= ITS_TTL);
  const update = updateJob(order_id, 'packed');
  await stores.publish(update);
  await done(update);
  t.match(await other.read(order_id), { status: 'packed' });
  await other.remove(order_id);
  const removal = deleteJob(order_id);
  await stores.publish(removal);
  await done(removal);
  t.equal(await other.read(order_id), undefined);
});

t.test("the consumer's line for a job names the request it came from", async (t) => {
  const job = createJob();
  await stores.publish(job, { correlationId: 'req-7' });
  await done(job);
  const line = consumer
    .output()
    .split('\n')
    .find((line) => line.includes(job.job_id));
  t.match(JSON.parse(line ?? ''), {
    request_id: 'req-7',
    job_id: job.job_id,
    job_type: 'create_order',
    order_id: job.payload.order_id,
    outcome: 'applied',
  });
});

t.test('at level info there is a line for each batch, and none for a job that went well', async (t) => {
  const info = consumer
    .output()
    .split('\n')
    .flatMap((line) => (line.includes('"level":30') ? [JSON.parse(line)] : []));
  t.match(
    info.find(({ msg }) => msg === 'batch done'),
    { jobs: Number, ms: Number, applied: Number },
  );
  t.notOk(info.some(({ job_id }) => job_id !== undefined));
});

t.test('a status update that overtakes its create is applied after it', async (t) => {
  const job = createJob();
  const update = updateJob(job.payload.order_id, 'eager');
  await stores.publish(update);
  await done(update);
  await stores.publish(job);
  const applied = async () => (await stores.order(job.payload.order_id))?.status === 'eager';
  t.ok(await until('the update has found its order', applied));
});

t.test('SIGTERM: the job at hand is finished, the others go back to the queue', async (t) => {
  const own = await isolatedEnvironment({
    SIMULATED_WRITE_LAG: '0.5',
    CONSUMER_BATCH_SIZE: '1',
    CONSUMER_CONCURRENCY: '1',
  });
  const there = await openStores(t, own);
  const slow = startProcess(t, 'consumer', own);
  await slow.says('consuming');
  const jobs = Array.from({ length: 4 }, () => createJob());
  for (const job of jobs) await there.publish(job);
  await until('the consumer holds all of them', async () => (await there.waiting()) === 0);

  t.equal(await slow.end('SIGTERM'), 0);
  const applied = Number((await there.rows('SELECT COUNT(*) AS n FROM orders'))[0]?.n);
  t.ok(applied >= 1 && applied < 4, `${applied} of 4 applied`);
  await until('the rest is back', async () => (await there.waiting()) === 4 - applied);
});

t.test('more jobs of a batch than AMQP can be told of', async (t) => {
  const own = await isolatedEnvironment({ CONSUMER_BATCH_SIZE: '10000', CONSUMER_CONCURRENCY: '16' });
  const ownStores = await openStores(t, own);
  const greedy = startProcess(t, 'consumer', own);
  await greedy.says('"prefetch":65535');
  const job = createJob();
  await ownStores.publish(job);
  await until('it is applied', () => ownStores.order(job.payload.order_id));
});
