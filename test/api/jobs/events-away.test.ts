/** What clients hear of jobs while Redis is away, and after it has lost everything. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import t from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { startRedis, stopServer } from '../../../ops/private-servers.ts';
import { scratchFolder } from '../../../testbed/scratch.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openSource, type Received } from '../../helpers/sse.ts';

const folder = scratchFolder(t, stopServer);
const port = await freePort();
await startRedis({ folder, port });
const env = await isolatedEnvironment({ REDIS_URL: `redis://127.0.0.1:${port}/0` });
const app = await startReadyApp(t, env);
const url = await app.listen({ host: '127.0.0.1', port: 0 });
const redis = new Redis({ port });
redis.on('error', () => {});
t.teardown(() => redis.disconnect());

const post = async (prefer = '') => {
  const payload = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
  const answer = await app.inject({ method: 'POST', url: '/orders', payload, headers: { prefer } });
  const { job_id: id, order_id: orderId } = answer.json();
  const { search } = new URL(String(answer.headers.location), url);
  return { id, orderId, search, status: answer.statusCode };
};
const isOf = (jobId: string) => (event: Received) => event.data.job_id === jobId;
const named = (name: string) => (event: Received) => event.event === name;
/** Ends Redis. What it had is lost. */
const kill = async () => {
  await redis.flushall();
  await redis.shutdown('NOSAVE').catch(() => {});
};
const consumer = startProcess(t, 'consumer', env);
const hub = startProcess(t, 'hub', env);
await consumer.says('"consuming"');

t.test('Redis is killed and comes back empty', async (t) => {
  const seen = await post('wait=20');
  const all = await openSource(t, `${url}/events`);
  const place = await until('it knows where it is', () => all.lastId());
  const own = await openSource(t, `${url}/orders/${seen.orderId}/events`);
  consumer.child.kill('SIGSTOP');
  const job = await post();
  const ofJob = await openSource(t, `${url}/jobs/${job.id}/events${job.search}`);
  await ofJob.hears('its state', isOf(job.id));
  await kill();
  for (const source of [all, own, ofJob]) await source.hears('that it is late', named('degraded'));
  consumer.child.kill('SIGCONT');
  await ofJob.ends();
  t.match(ofJob.events.at(-1)?.data, { status: 'succeeded' }, 'MySQL says it');
  const heard = await all.hears('it all the same', isOf(job.id));
  t.equal(heard.id, undefined, 'without a place in the stream');
  t.equal(await post('wait=20').then(({ status }) => status), 201, 'who waits is answered too');
  const late = await openSource(t, `${url}/events`, place);
  await late.hears('that it is late', named('degraded'));

  await startRedis({ folder, port });
  for (const source of [all, own]) {
    await source.hears('that Redis is back', named('recovered'));
    await source.hears('that something may be missing', named('gap'));
  }
  await late.hears('that something may be missing', named('gap'));
  const next = await post();
  for (const source of [all, late]) {
    const told = await source.hears('what happens then', isOf(next.id));
    await until('it comes from Redis again', () => told.id);
  }
});

t.test('Redis refuses: what happens comes later, and once', async (t) => {
  const all = await openSource(t, `${url}/events?type=update_order_status`);
  const { orderId } = await post('wait=20');
  await redis.replicaof('127.0.0.1', 1);
  await all.hears('that it is late', named('degraded'));
  await redis.replicaof('NO', 'ONE');
  await all.hears('that Redis is back', named('recovered'));
  const payload = { status: 'sent' };
  const answer = await app.inject({ method: 'PATCH', url: `/orders/${orderId}/status`, payload });
  await all.hears('what happens then', isOf(answer.json().job_id));
  t.notOk(all.events.some(named('gap')));
});

t.test('Redis is emptied', async (t) => {
  const all = await openSource(t, `${url}/events`);
  const place = await until('it knows where it is', () => all.lastId());
  await redis.flushall();
  const { id } = await post();
  await all.hears('what happens then', isOf(id));
  const again = await openSource(t, `${url}/events`, place);
  t.same((await again.hears('the gap', named('gap'))).data, { link: '/jobs' });
  const own = await openSource(t, `${url}/orders/${randomUUID()}/events`, all.lastId());
  await until('it knows where it is', () => own.lastId() && own.text().includes(':\nid: '));
  t.notOk(own.events.some(named('gap')), 'what came after that is there');
});

t.test('the end', async () => {
  await Promise.all([consumer.end(), hub.end()]);
});
