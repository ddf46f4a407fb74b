/** Real answers of all calls are as docs/openapi.json says. One application answers most of them. */
import t from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { startApp } from '../../helpers/app.ts';
import { doors, signIn, testAdministration } from './admin-calls.ts';
import { ADMIN, malformed, NONE, ORDER, openCalls, type Row } from './calls.ts';
import { testJobs } from './job-calls.ts';
import { testOrders } from './order-calls.ts';

const calls = await openCalls(t);
const { env, app, make, seen, document } = calls;

testOrders(t, calls);
testJobs(t, calls);
testAdministration(t, calls);

t.test('health and documents', async (t) => {
  for (const url of [
    '/health/live',
    '/health/ready',
    '/openapi.json',
    '/asyncapi.json',
    '/docs',
    '/console',
  ]) {
    const operation = `GET ${url}`;
    const { headers } = await make(t, app, [operation, 200, { url }]);
    for (const row of malformed(operation, url)) await make(t, app, row);
    if (headers.etag === undefined) continue;
    const etag = { 'if-none-match': String(headers.etag) };
    await make(t, app, [operation, 304, { url, headers: etag }]);
    const compressed = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } });
    t.equal(compressed.headers['content-encoding'], 'gzip', url);
    t.ok(compressed.rawPayload.length < Number(headers['content-length']), url);
  }
});

t.test('servers that are away', async (t) => {
  const away = { DB_PORT: String(await freePort()), RABBITMQ_PORT: String(await freePort()) };
  const alone = await startApp(t, { ...env, ...away });
  for (const row of [
    ['POST /orders', 503, { url: '/orders', payload: ORDER }],
    ['POST /orders/batch', 503, { url: '/orders/batch', payload: [ORDER] }],
    ['GET /jobs/{id}', 503, { url: '/jobs/none' }],
    ['GET /jobs', 503, { url: '/jobs' }],
    ['GET /orders/{id}/history', 503, { url: `/orders/${NONE}/history` }],
    ['PATCH /orders/{id}/status', 503, { url: `/orders/${NONE}/status`, payload: { status: 'new' } }],
    ['DELETE /orders/{id}', 503, { url: `/orders/${NONE}` }],
    ['GET /orders/{id}', 503, { url: `/orders/${NONE}` }],
    ['GET /orders', 503, { url: '/orders?limit=7' }],
    ['POST /admin/seed', 503, { url: '/admin/seed', payload: { count: 1 }, headers: ADMIN }],
    ['POST /admin/reset', 503, { url: '/admin/reset', headers: ADMIN }],
    ['GET /admin/dead-letters', 503, { url: '/admin/dead-letters', headers: ADMIN }],
    ['POST /admin/dead-letters/replay', 503, { url: '/admin/dead-letters/replay', headers: ADMIN }],
    ['POST /admin/dead-letters/discard', 503, { url: '/admin/dead-letters/discard', headers: ADMIN }],
  ] as Row[])
    await make(t, alone, row);
  const headers = await signIn(alone);
  for (const [operation, , payload] of doors)
    await make(t, alone, [operation, 503, { url: operation.split(' ')[1] ?? '', payload, headers }]);
  const useless = await startApp(t, { ...env, ...away, CACHE_DISABLED: 'true' });
  await make(t, useless, ['GET /health/ready', 503, { url: '/health/ready' }]);

  const forgetful = await startApp(t, { ...env, CACHE_DISABLED: 'true' });
  await until(
    'it reaches the broker',
    async () => (await forgetful.inject('/health/ready')).json().status === 'ready',
  );
  const { order_id } = (await forgetful.inject({ method: 'POST', url: '/orders', payload: ORDER })).json();
  const unknown = await make(t, forgetful, ['GET /orders/{id}', 503, { url: `/orders/${order_id}` }]);
  t.equal(unknown.json().code, 'order_state_unknown');
});

t.test('every answer that can be had was looked at', async (t) => {
  const documented = Object.entries<Record<string, { responses: object }>>(document.paths).flatMap(
    ([path, item]) =>
      Object.entries(item).flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
      ),
  );
  // A fault of the service, and what is answered in the same words before it is known which call is meant.
  const others = documented.filter((what) => !seen.has(what) && !/ (408|417|431)$/.test(what));
  t.strictSame(
    others.filter((what) => !(what.endsWith(' 500') && !what.includes(' /admin/'))),
    [],
  );
});
