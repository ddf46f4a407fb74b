/** What clients hear of jobs: real streams from real processes. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess, startService } from '../../helpers/processes.ts';
import { openSource, type Received } from '../../helpers/sse.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment({ MAX_ATTEMPTS: '1' });
const app = await startReadyApp(t, env);
const url = await app.listen({ host: '127.0.0.1', port: 0 });
/** Another process that serves the same. */
const other = await (await startReadyApp(t, env)).listen({ host: '127.0.0.1', port: 0 });
const { redis } = await openStores(t, env);

const write = async (method: 'POST' | 'PATCH' | 'DELETE', path: string, payload?: object) => {
  const answer = await app.inject({ method, url: path, ...(payload && { payload }) });
  const { job_id, order_id } = answer.json();
  return { id: job_id as string, orderId: order_id as string };
};
const post = () => write('POST', '/orders', { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] });
const patch = (id: string, status: string) => write('PATCH', `/orders/${id}/status`, { status });
const statuses = (events: Received[]) => events.map(({ data }) => data.status);
const isOf = (jobId: string) => (event: Received) => event.data.job_id === jobId;

/** Tells events of jobs that nobody made, as a consumer does. */
const tell = (events: object[]) =>
  redis.xadd('orders:feed', 'MAXLEN', '~', 1_000, '*', 'events', JSON.stringify(events));
const made = (more: object = {}) => ({
  job_id: randomUUID(),
  job_type: 'create_order',
  order_id: randomUUID(),
  version: 1,
  state: 'succeeded',
  at: Date.now(),
  attempts: 1,
  ...more,
});

t.test('a job from its acceptance to its end', async (t) => {
  const { id } = await post();
  const source = await openSource(t, `${url}/jobs/${id}/events`);
  t.equal(source.status, 200);
  t.match(source.headers, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
    'x-request-id': /./,
  });
  await source.hears('its state', isOf(id));
  t.match(source.text(), /^: orders\nretry: \d+\n\n/);
  const state = (await app.inject(`/jobs/${id}`)).json();
  t.same(source.events[0]?.data, state, 'as GET shows it');
  const consumer = startProcess(t, 'consumer', env);
  await source.ends();
  t.same(statuses(source.events), ['queued', 'succeeded']);
  t.same(source.events[1]?.data, (await app.inject(`/jobs/${id}`)).json());
  for (const from of [url, other]) {
    const again = await openSource(t, `${from}/jobs/${id}/events`, source.lastId());
    t.equal(again.status, 204, 'an EventSource comes back no more');
  }
  const late = await openSource(t, `${other}/jobs/${id}/events`);
  await late.ends();
  t.same(statuses(late.events), ['succeeded']);
  const behind = await openSource(t, `${other}/jobs/${id}/events`, source.events[0]?.id);
  await behind.ends();
  t.same(statuses(behind.events), ['succeeded'], 'what it has missed');

  const dead = await patch(randomUUID(), 'lost');
  const lost = await openSource(t, `${url}/jobs/${dead.id}/events`);
  await lost.ends();
  t.match(lost.events.at(-1)?.data, { status: 'dead', reason: 'order_not_found' });
  await consumer.end();
});

t.test('a new client knows at once from where it can go on', async (t) => {
  // Each hears its heartbeat in another second of the next 15.
  const sources = await Promise.all(Array.from({ length: 15 }, () => openSource(t, `${url}/events`)));
  await until('all know', () => sources.every((source) => source.lastId()), 7_000);
});

t.test('the jobs of an order, and all jobs', async (t) => {
  const order = await post();
  const ofOrder = await openSource(t, `${url}/orders/${order.orderId.toUpperCase()}/events`);
  const all = await openSource(t, `${other}/events`);
  const updates = await openSource(t, `${url}/events?type=update_order_status,delete_order`);
  const consumer = startProcess(t, 'consumer', env);
  await all.hears('the create', isOf(order.id));
  const change = await patch(order.orderId, 'sent');
  const foreign = await post();
  await all.hears('the other order', isOf(foreign.id));
  await all.hears('the update', isOf(change.id));
  await ofOrder.hears('the update', isOf(change.id));
  t.same(
    ofOrder.events.map(({ data }) => data.job_id),
    [order.id, change.id],
  );
  await updates.hears('the update', isOf(change.id));
  t.same(
    updates.events.map(({ data }) => data.job_type),
    ['update_order_status'],
  );
  t.match(all.events[0]?.id, /^\d+-\d+\.\d+$/);
  await consumer.end();
});

t.test('goes on in the middle of an entry, in another process', async (t) => {
  const source = await openSource(t, `${url}/events`);
  await until('it knows where it is', () => source.lastId());
  const orderId = randomUUID();
  const events = Array.from({ length: 5 }, () => made({ order_id: orderId }));
  await tell(events);
  await source.hears('all of them', isOf(events[4]?.job_id ?? ''));
  source.close();
  const more = [made(), made({ order_id: orderId })];
  await tell(more);
  const expected = [...events.slice(3), ...more].map(({ job_id }) => job_id);
  const from = source.events.find(isOf(events[2]?.job_id ?? ''))?.id;
  for (const path of ['events', 'events?type=create_order']) {
    const again = await openSource(t, `${other}/${path}`, from);
    await again.hears('the last one', isOf(expected.at(-1) ?? ''));
    t.same(
      again.events.map(({ data }) => data.job_id),
      expected,
    );
    const [next] = [made()];
    await tell([next]);
    await again.hears('what happens then', isOf(next.job_id));
    t.equal(again.events.length, expected.length + 1, 'each once');
    expected.push(next.job_id);
  }
  const own = await openSource(t, `${url}/orders/${orderId}/events`, from);
  await own.hears('the last one of the order', isOf(more[1]?.job_id ?? ''));
  t.equal(own.events.length, 3);
});

t.test('history that does not reach back', async (t) => {
  const source = await openSource(t, `${url}/events?type=delete_order`);
  const place = await until('it knows where it is', () => source.lastId());
  const orderId = randomUUID();
  await redis.xtrim('orders:feed', 'MAXLEN', 0);
  for (const [path, lastId, link] of [
    ['events', place, '/jobs'],
    ['events?type=delete_order', place, '/jobs?type=delete_order'],
    [`orders/${orderId}/events`, place, `/orders/${orderId}/history`],
    ['events', 'nonsense', '/jobs'],
    ['events', '99999999999999999999-1', '/jobs'],
  ]) {
    const again = await openSource(t, `${other}/${path}`, lastId);
    const gap = await again.hears('the gap', ({ event }) => event === 'gap');
    t.same(gap.data, { link });
    t.equal((await app.inject(link ?? '')).statusCode, 200);
    const next = made({ order_id: orderId, job_type: 'delete_order' });
    await tell([next]);
    await again.hears('what happens then', isOf(next.job_id));
    again.close();
  }
});

t.test('a slow reader is cut off, and goes on', async (t) => {
  const slow = await openSource(t, `${url}/events`);
  await until('it knows where it is', () => slow.lastId());
  const quick = await openSource(t, `${url}/events`);
  slow.pause();
  const ids: string[] = [];
  // The kernels at both ends take some megabytes.
  for (let entries = 1; entries <= 600; entries++) {
    const events = Array.from({ length: 40 }, () => made({ error: 'x'.repeat(900) }));
    ids.push(...events.map(({ job_id }) => job_id));
    await tell(events);
    if (entries % 10 === 0) await quick.hears('the last one', isOf(ids.at(-1) ?? ''));
  }
  slow.resume();
  await until('it is cut off', slow.isOver, 30_000);
  t.ok(slow.events.length < ids.length, `it got ${slow.events.length} of ${ids.length}`);
  const again = await openSource(t, `${other}/events`, slow.lastId());
  await again.hears('the last one', isOf(ids.at(-1) ?? ''));
  t.strictSame(
    [...slow.events, ...again.events].map(({ data }) => data.job_id),
    ids,
    'each once, in their order',
  );
});

t.test('what cannot be heard', async (t) => {
  for (const [path, status, body] of [
    [
      '/events?type=create',
      400,
      { code: 'invalid_input', error: /^type must be one or more of create_order/ },
    ],
    ['/events?type=create_order&type=delete_order', 400, { code: 'invalid_input' }],
    ['/orders/x/events', 404, { code: 'order_not_found' }],
    [`/jobs/${randomUUID()}/events?order_id=x`, 400, { code: 'invalid_input' }],
  ] as const) {
    const answer = await app.inject(path);
    t.match([answer.statusCode, answer.json()], [status, body], path);
  }
  const { id, orderId } = await post();
  for (const path of ['/events', `/orders/${orderId}/events`, `/jobs/${id}/events`]) {
    const head = await app.inject({ method: 'HEAD', url: path });
    t.match([head.statusCode, head.headers['content-type']], [200, 'text/event-stream; charset=utf-8']);
  }
  const untold = await startReadyApp(t, { ...env, HISTORY_DAYS: '0' });
  t.match((await untold.inject('/events')).json(), { code: 'history_not_kept' });
});

t.test('the access log has a stream when it is over', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const logging = await startReadyApp(t, { ...env, ACCESS_LOG_FILE: file });
  const source = await openSource(t, `${await logging.listen({ host: '127.0.0.1', port: 0 })}/events`);
  await until('it knows where it is', () => source.lastId());
  t.notMatch(readFileSync(file, 'utf8'), '/events');
  source.close();
  const bytes = source.text().length;
  const [, status, length] = await until('it has a line', () =>
    /"GET \/events HTTP\/1.1" (\d+) (\d+) /.exec(readFileSync(file, 'utf8')),
  );
  t.strictSame([status, Number(length)], ['200', bytes]);
});

t.test('without Redis, clients hear what MySQL knows', async (t) => {
  const without = await startReadyApp(t, { ...env, CACHE_DISABLED: 'true' });
  const from = await without.listen({ host: '127.0.0.1', port: 0 });
  const answer = await without.inject({
    method: 'POST',
    url: '/orders',
    payload: { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] },
  });
  const { job_id: id } = answer.json();
  const { search } = new URL(String(answer.headers.location), from);
  const source = await openSource(t, `${from}/jobs/${id}/events${search}`);
  const all = await openSource(t, `${from}/events`);
  await source.hears('that it is late', ({ event }) => event === 'degraded');
  await all.hears('that it is late', ({ event }) => event === 'degraded');
  const consumer = startProcess(t, 'consumer', env);
  const hub = startProcess(t, 'hub', env);
  await source.ends();
  t.match(source.events.at(-1), { data: { status: 'succeeded' } });
  const heard = await all.hears('it', isOf(id));
  t.equal(heard.id, undefined);
  await Promise.all([consumer.end(), hub.end()]);
});

t.test('SIGTERM ends streams, and the next process goes on', async (t) => {
  const port = await freePort();
  const own = { ...env, PORT: String(port) };
  const { api } = await startService(t, own, { consumers: 0 });
  const from = `http://127.0.0.1:${port}`;
  const { id } = await post();
  const [all, job] = [
    await openSource(t, `${from}/events`),
    await openSource(t, `${from}/jobs/${id}/events`),
  ];
  await until('it knows where it is', () => all.lastId());
  await job.hears('its state', isOf(id));
  const began = performance.now();
  t.equal(await api.end('SIGTERM'), 0);
  t.ok(performance.now() - began < 15_000, 'without waiting for them');
  for (const source of [all, job]) {
    await source.ends();
    t.match(source.text(), /\nretry: \d+\n\n$/);
    t.ok(source.retry() >= 500 && source.retry() <= 3_000, `${source.retry()} ms`);
  }
  const between = made();
  await tell([between]);
  await startService(t, own, { consumers: 1 });
  const [allAgain, jobAgain] = [
    await openSource(t, `${from}/events`, all.lastId()),
    await openSource(t, `${from}/jobs/${id}/events`, job.lastId()),
  ];
  await allAgain.hears('what it has missed', isOf(between.job_id));
  await jobAgain.ends();
  t.same(statuses(jobAgain.events), ['succeeded'], 'it knew that it was queued');
});
