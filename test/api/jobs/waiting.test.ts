/** Prefer: wait, from the header to what MySQL holds. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess, startService } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment({ MAX_ATTEMPTS: '1' });
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);

const order = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
interface Options {
  prefer?: string;
  payload?: object;
  headers?: Record<string, string>;
  from?: typeof app;
}
const send = async (
  method: 'POST' | 'PATCH' | 'DELETE' | 'GET',
  url: string,
  { prefer = 'wait=20', payload, headers = {}, from = app }: Options = {},
) => {
  const answer = await from.inject({ method, url, payload, headers: { prefer, ...headers } });
  return {
    status: answer.statusCode,
    body: answer.body === '' ? undefined : answer.json(),
    applied: answer.headers['preference-applied'],
    location: String(answer.headers.location),
    link: String(answer.headers.link),
    headers: answer.headers,
  };
};
const post = (options: Options = {}) => send('POST', '/orders', { payload: order, ...options });
const patch = (id: string, status = 'sent', options: Options = {}) =>
  send('PATCH', `/orders/${id}/status`, { payload: { status }, ...options });
const isWaiting = (jobs: number) => until('the jobs wait', async () => (await stores.waiting()) === jobs);

t.test('with consumers', async (t) => {
  const consumer = startProcess(t, 'consumer', env);
  await consumer.says('"consuming"');

  await t.test('a write is answered when MySQL has it', async (t) => {
    const created = await post();
    t.match(created, { status: 201, body: { ...order, status: 'received' }, applied: 'wait=20' });
    const { order_id: id } = created.body;
    t.equal(created.location, `/orders/${id}`);
    const [, job = ''] = /^<(.*)>; rel="monitor"$/.exec(created.link) ?? [];
    t.match((await send('GET', job)).body, { status: 'succeeded', order_id: id });
    t.match(await stores.order(id), { customer_name: 'Ada' });
    t.match(await patch(id), { status: 200, body: { order_id: id, status: 'sent' }, applied: 'wait=20' });
    t.match(await stores.order(id), { status: 'sent' });
    t.match(await send('DELETE', `/orders/${id}`), { status: 204, body: undefined, applied: 'wait=20' });
    t.equal(await stores.order(id), undefined);
    const gone = await patch(id);
    t.match(gone, { status: 410, body: { code: 'order_deleted' }, link: /^<\/jobs\/.*monitor/ });
    t.match(await send('DELETE', `/orders/${id}`), { status: 204 }, 'it had been deleted before');
  });

  await t.test('many at once', async (t) => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post()));
    t.strictSame([...new Set(answers.map(({ status }) => status))], [201]);
  });

  await t.test('the order as it is now, if a newer write was applied before', async (t) => {
    const { order_id } = (await post()).body;
    const version = Date.now() * 1_000 + 20e6;
    const payload = { order_id, status: 'from elsewhere' };
    await stores.publish({ job_id: randomUUID(), type: 'update_order_status', payload, version });
    await until('it is applied', async () => (await stores.order(order_id))?.status === 'from elsewhere');
    await stores.redis.del(`temp_order:${order_id}`, `order_writes:{temp_order:${order_id}}`);
    t.match(await patch(order_id, 'older'), { status: 200, body: { status: 'from elsewhere' } });
  });

  await t.test('what cannot be applied', async (t) => {
    const id = randomUUID();
    t.match(await patch(id), {
      status: 404,
      body: { error: `Order with ID '${id}' not found.`, code: 'order_not_found' },
      applied: 'wait=20',
    });
    await stores.rows("ALTER TABLE orders ADD CONSTRAINT no_eve CHECK (customer_name <> 'Eve')");
    const refused = await post({ payload: { ...order, customer_name: 'Eve' } });
    t.match(refused, { status: 500, body: { code: 'job_failed' }, link: /^<\/jobs\/.*monitor/ });
  });

  await t.test('with an Idempotency-Key: the same answer again', async (t) => {
    const headers = { 'idempotency-key': 'a' };
    const [first, again] = [await post({ headers }), await post({ headers })];
    t.match([first.status, again.status], [201, 201]);
    t.same(again.body, first.body);
    t.equal(again.headers['idempotency-replayed'], 'true');
    t.equal((await post({ headers, prefer: 'respond-async' })).status, 202);
  });

  await t.test('a batch does not wait', async (t) => {
    const answer = await send('POST', '/orders/batch', { payload: [order] });
    t.match([answer.status, answer.applied], [202, undefined]);
  });

  await t.test('without Redis, and without history', async (t) => {
    for (const settings of [{ CACHE_DISABLED: 'true' }, { HISTORY_DAYS: '0' }]) {
      const from = await startReadyApp(t, { ...env, ...settings });
      const { status, body } = await post({ from });
      t.match([status, body], [201, order], JSON.stringify(settings));
      t.equal((await patch(body.order_id, 'sent', { from })).status, 200);
      t.equal((await send('DELETE', `/orders/${body.order_id}`, { from })).status, 204);
    }
  });
  await consumer.end();
});

t.test('it waits for the job before that is published', async (t) => {
  const steps: string[] = [];
  const { accept } = app.broker;
  const { forJob } = app.waiting;
  t.teardown(() => Object.assign(app.broker, { accept }) && Object.assign(app.waiting, { forJob }));
  app.broker.accept = (job, properties) => {
    steps.push(properties.headers?.['x-awaited'] ? 'published as awaited' : 'published');
    return accept(job, properties);
  };
  app.waiting.forJob = (jobId) => {
    const waiter = forJob(jobId);
    steps.push('registered');
    void waiter?.begun.then(() => steps.push('heard'));
    return waiter;
  };
  await post({ prefer: 'wait=1' });
  t.strictSame(steps, ['registered', 'heard', 'published as awaited']);
  await post({ prefer: '' });
  t.strictSame(steps.slice(3), ['published'], 'and costs nothing without the header');
});

t.test('the time is over: as without the header', async (t) => {
  const began = performance.now();
  const { status, body, applied, location } = await post({ prefer: 'respond-async, wait=1' });
  t.match([status, body.status, applied], [202, 'queued', 'wait=1']);
  t.ok(performance.now() - began >= 990);
  const job = await send('GET', location, { prefer: 'wait=1' });
  t.match([job.status, job.body.status, job.applied], [200, 'queued', 'wait=1']);
  t.match(await post({ prefer: 'wait=soon' }), { status: 202, applied: undefined });
});

t.test('a reset cancels what is waited for', async (t) => {
  const before = await stores.waiting();
  const answers = [post(), post().then(({ location }) => location)];
  await isWaiting(before + 2);
  await app.inject({ method: 'POST', url: '/admin/reset', payload: { password: 'sesame' } });
  t.match(await answers[0], { status: 409, body: { code: 'write_cancelled' } });
  await answers[1];
});

t.test('GET /jobs/:id waits too', async (t) => {
  const { location } = await post({ prefer: '' });
  const answer = send('GET', location);
  const consumer = startProcess(t, 'consumer', env);
  t.match(await answer, { status: 200, body: { status: 'succeeded' }, applied: 'wait=20' });
  t.match(await send('GET', location), { body: { status: 'succeeded' }, applied: undefined });
  await consumer.end();
});

t.test('the access log has the answer that was sent', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const from = await startReadyApp(t, { ...env, ACCESS_LOG_FILE: file });
  const consumer = startProcess(t, 'consumer', env);
  const url = `${await from.listen({ host: '127.0.0.1', port: 0 })}/orders`;
  const ask = (method: string, path = '', body?: object) =>
    fetch(`${url}${path}`, {
      method,
      headers: { prefer: 'wait=20', ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  const { order_id } = (await (await ask('POST', '', order)).json()) as { order_id: string };
  await ask('PATCH', `/${order_id}/status`, { status: 'sent' });
  await ask('DELETE', `/${order_id}`);
  const line = /"(POST|PATCH|DELETE) \S+ HTTP\/1.1" (\d+) /g;
  const lines = await until('it has three lines', () => {
    const found = existsSync(file) ? [...readFileSync(file, 'utf8').matchAll(line)] : [];
    return found.length === 3 && found.map(([, method, status]) => `${method} ${status}`);
  });
  t.strictSame(lines, ['POST 201', 'PATCH 200', 'DELETE 204']);
  await consumer.end();
});

t.test('SIGTERM answers all who wait', async (t) => {
  const own = await isolatedEnvironment({ PORT: String(await freePort()) });
  const { api } = await startService(t, own, { consumers: 0 });
  const { waiting } = await openStores(t, own);
  const url = `http://127.0.0.1:${own.PORT}/orders`;
  const headers = { 'content-type': 'application/json', prefer: 'wait=30' };
  const body = JSON.stringify(order);
  const answers = Array.from({ length: 8 }, () => fetch(url, { method: 'POST', headers, body }));
  await until('the jobs wait', async () => (await waiting()) === 8);
  const began = performance.now();
  const end = api.end('SIGTERM');
  for (const answer of await Promise.all(answers)) {
    t.equal(answer.status, 202);
    t.match(await answer.json(), { status: 'queued' });
  }
  t.equal(await end, 0);
  t.ok(performance.now() - began < 15_000, 'without waiting for them');
});
