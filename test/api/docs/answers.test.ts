/** Real answers of all calls are as docs/openapi.json says. */
import type { InjectOptions } from 'fastify';
import t, { type Test } from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { startApp, startReadyApp } from '../../helpers/app.ts';
import { answerChecker } from '../../helpers/documents.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../../helpers/orders.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

type App = Awaited<ReturnType<typeof startApp>>;
type Call = InjectOptions & { url: string };
type Row = [operation: string, status: number, call: Call, times?: number];

const PROBLEM = { accept: 'application/problem+json' };
const ADMIN = { 'x-admin-password': 'sesame' };
const NONE = '00000000-0000-7000-8000-000000000001';
const ORDER = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
const big = (body: object) => ({ ...body, padding: 'x'.repeat(2 ** 20) });

const env = await isolatedEnvironment({ ADMIN_PASSWORD: 'sesame' });
const app = await startReadyApp(t, env);
const { check, seen, document } = answerChecker();

/** Makes a call, and if it fails once more as a client that wants problems. */
const make = async (t: Test, on: App, [operation, status, call]: Row) => {
  const method = operation.split(' ')[0] as 'GET';
  const answer = await on.inject({ method, ...call });
  t.equal(answer.statusCode, status, `${operation} ${call.url}: ${answer.body}`);
  check(t, operation, answer);
  if (status >= 400) {
    const problem = await on.inject({ method, ...call, headers: { ...call.headers, ...PROBLEM } });
    check(t, operation, problem);
    if (!operation.startsWith('GET /health')) {
      t.match(problem.headers['content-type'], /^application\/problem\+json;/, operation);
      t.match(problem.headers.vary, /(^|, )accept$/);
      const { error, code } = answer.json();
      t.match(problem.json(), { status, code, type: `/docs#error-${code}` });
      // Seconds, or a number of orders, may differ.
      t.equal(problem.json().detail.length, error.length);
    }
  }
  return answer;
};

/** What anybody may send to any call. */
const malformed = (operation: string, url: string): Row[] => [
  [operation, 400, { url: `${url}?%ff`, headers: ADMIN }],
  [
    operation,
    415,
    {
      url,
      headers: { ...ADMIN, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      payload: '{}',
    },
  ],
];

t.test('orders', async (t) => {
  const created = await make(t, app, ['POST /orders', 202, { url: '/orders', payload: ORDER }]);
  const url = `/orders/${created.json().order_id}`;
  const ship = { url: `${url}/status`, payload: { status: 'shipped' } };
  const keyed = { 'idempotency-key': '"twice"' };
  for (const row of [
    ['GET /orders/{id}', 200, { url }],
    ['PATCH /orders/{id}/status', 202, ship],
    ['DELETE /orders/{id}', 202, { url }],
    ['GET /orders/{id}', 404, { url: `/orders/${NONE}` }],
    ['GET /orders/{id}', 404, { url: '/orders/1' }],
    ['PATCH /orders/{id}/status', 404, { ...ship, url: '/orders/1/status' }],
    ['DELETE /orders/{id}', 404, { url: '/orders/1' }],
    ['POST /orders', 400, { url: '/orders', payload: {} }],
    ['PATCH /orders/{id}/status', 400, { ...ship, payload: {} }],
    ['POST /orders', 413, { url: '/orders', payload: big(ORDER) }],
    ['PATCH /orders/{id}/status', 413, { ...ship, payload: big({}) }],
    ['DELETE /orders/{id}', 413, { url, payload: big({}) }],
    ['POST /orders', 415, { url: '/orders', payload: 'a=1', headers: { 'content-type': 'text/plain' } }],
    ['POST /orders', 202, { url: '/orders', payload: ORDER, headers: keyed }],
    ['POST /orders', 422, { url: '/orders', payload: { ...ORDER, status: 'new' }, headers: keyed }],
    ['PATCH /orders/{id}/status', 422, { ...ship, headers: keyed }],
    ['DELETE /orders/{id}', 422, { url, headers: keyed }],
    ...malformed('POST /orders', '/orders'),
    ...malformed('PATCH /orders/{id}/status', ship.url),
    ...malformed('DELETE /orders/{id}', url),
    ...malformed('GET /orders/{id}', url),
  ] as Row[])
    await make(t, app, row);
  const again = await make(t, app, ['POST /orders', 202, { url: '/orders', payload: ORDER, headers: keyed }]);
  t.equal(again.headers['idempotency-replayed'], 'true');

  for (const [operation, call] of [
    ['POST /orders', { url: '/orders', payload: ORDER }],
    ['POST /orders/batch', { url: '/orders/batch', payload: [ORDER] }],
    ['PATCH /orders/{id}/status', ship],
    ['DELETE /orders/{id}', { url }],
  ] as const)
    await until(`${operation} meets itself`, async () => {
      const headers = { 'idempotency-key': `${operation} ${Math.random()}` };
      const [method] = operation.split(' ') as ['POST'];
      const answers = await Promise.all(
        [{}, PROBLEM, {}].map((accept) =>
          app.inject({ method, ...call, headers: { ...headers, ...accept } }),
        ),
      );
      for (const answer of answers) check(t, operation, answer);
      return answers.some(({ statusCode }) => statusCode === 409);
    });
});

t.test('writes that are waited for', async (t) => {
  const own = await isolatedEnvironment({ MAX_ATTEMPTS: '1' });
  const patient = await startReadyApp(t, own);
  const consumer = startProcess(t, 'consumer', own);
  const headers = { prefer: 'wait=30', 'idempotency-key': 'first' };
  const post: Call = { url: '/orders', payload: ORDER, headers };
  const created = await make(t, patient, ['POST /orders', 201, post]);
  t.equal(created.headers['preference-applied'], 'wait=30');
  const url = `/orders/${created.json().order_id}`;
  const wait = { prefer: 'wait=30' };
  const ship = { url: `${url}/status`, payload: { status: 'shipped' }, headers: wait };
  for (const row of [
    ['PATCH /orders/{id}/status', 200, ship],
    ['DELETE /orders/{id}', 204, { url, headers: wait }],
    ['PATCH /orders/{id}/status', 410, ship],
    ['POST /orders', 410, post],
    ['PATCH /orders/{id}/status', 404, { ...ship, url: `/orders/${NONE}/status` }],
    ['DELETE /orders/{id}', 404, { url: `/orders/${NONE}`, headers: wait }],
  ] as Row[])
    await make(t, patient, row);
  const [, job = ''] = /<(.*)>/.exec(String(created.headers.link)) ?? [];
  const events = { url: job.replace('?', '/events?') };
  await make(t, patient, ['GET /jobs/{id}/events', 200, events]);
  const known = { ...events, headers: { 'last-event-id': 'succeeded.1' } };
  await make(t, patient, ['GET /jobs/{id}/events', 204, known]);
  await consumer.end();
});

t.test('batches', async (t) => {
  const url = '/orders/batch';
  const many = { url, payload: [ORDER, {}] };
  const keyed = { 'idempotency-key': 'many' };
  for (const row of [
    ['POST /orders/batch', 202, many],
    ['POST /orders/batch', 202, { ...many, headers: keyed }],
    ['POST /orders/batch', 202, { ...many, headers: keyed }],
    ['POST /orders/batch', 422, { url, payload: [ORDER], headers: keyed }],
    ['POST /orders/batch', 400, { url, payload: [] }],
    ['POST /orders/batch', 413, { url, payload: [{ padding: 'x'.repeat(8 * 2 ** 20) }] }],
    ...malformed('POST /orders/batch', url),
  ] as Row[])
    await make(t, app, row);
});

t.test('jobs', async (t) => {
  const created = await app.inject({ method: 'POST', url: '/orders', payload: ORDER });
  const { location } = created.headers;
  const history = `/orders/${created.json().order_id}/history`;
  for (const row of [
    ['GET /jobs/{id}', 200, { url: String(location) }],
    ['GET /jobs/{id}', 400, { url: `${location}&version=x` }],
    ['GET /jobs', 200, { url: '/jobs' }],
    ['GET /jobs', 400, { url: '/jobs?limit=0' }],
    ['GET /orders/{id}/history', 200, { url: history }],
    ['GET /orders/{id}/history', 400, { url: `${history}?limit=0` }],
    ['GET /orders/{id}/history', 404, { url: '/orders/1/history' }],
    ['GET /orders/{id}/events', 200, { method: 'HEAD', url: history.replace('history', 'events') }],
    ['GET /orders/{id}/events', 404, { url: '/orders/1/events' }],
    ['GET /events', 200, { method: 'HEAD', url: '/events' }],
    ['GET /events', 400, { url: '/events?type=x' }],
    ['GET /jobs/{id}/events', 400, { url: String(location).replace('?', '/events?').replace(/\d+$/, 'x') }],
    ...malformed('GET /jobs/{id}/events', '/jobs/none/events'),
    ...malformed('GET /orders/{id}/events', history.replace('history', 'events')),
    ...malformed('GET /events', '/events'),
    ...malformed('GET /jobs/{id}', '/jobs/none'),
    ...malformed('GET /jobs', '/jobs'),
    ...malformed('GET /orders/{id}/history', history),
  ] as Row[])
    await make(t, app, row);
});

t.test('a job that nobody knows, where nothing waits', async (t) => {
  const idle = await startReadyApp(t, await isolatedEnvironment());
  await make(t, idle, ['GET /jobs/{id}', 404, { url: '/jobs/none' }]);
  await make(t, idle, ['GET /jobs/{id}/events', 404, { url: '/jobs/none/events' }]);
  const silent = await startReadyApp(t, await isolatedEnvironment({ HISTORY_DAYS: '0' }));
  await make(t, silent, ['GET /events', 404, { url: '/events' }]);
  await make(t, silent, ['GET /jobs', 404, { url: '/jobs?state=queued' }]);
});

t.test('lists', async (t) => {
  await insertAccepted(app.database.orm, [anAcceptedOrder(), anAcceptedOrder({ status: 'shipped' })]);
  for (const row of [
    ['GET /orders', 200, { url: '/orders' }],
    ['GET /orders', 200, { url: '/orders?limit=1' }],
    ['GET /orders', 200, { url: '/orders?status=shipped&count=true&customer_name=a' }],
    ['GET /orders', 404, { url: `/orders?after=${NONE}` }],
    ['GET /orders', 400, { url: '/orders?limit=0' }],
    ['GET /orders', 304, { url: '/orders', headers: { 'if-none-match': '*' } }],
    ...malformed('GET /orders', '/orders'),
  ] as Row[])
    await make(t, app, row);
});

t.test('admin', async (t) => {
  const calls: [operation: string, url: string, payload?: object][] = [
    ['POST /admin/seed', '/admin/seed', { count: 1 }],
    ['POST /admin/reset', '/admin/reset'],
    ['GET /admin/dead-letters', '/admin/dead-letters'],
    ['POST /admin/dead-letters/replay', '/admin/dead-letters/replay', { job_ids: ['a'] }],
    ['POST /admin/dead-letters/discard', '/admin/dead-letters/discard', { job_ids: ['a'] }],
  ];
  const { publish, channel, queue } = await openStores(t, env);
  const without = await startApp(t, { ...env, ADMIN_PASSWORD: '' });
  for (const text of ['{"job_id":"a","type":"b"}', 'no \xff', '{}'])
    channel.sendToQueue(`${queue}.dead`, Buffer.from(text, 'latin1'), {
      persistent: true,
      messageId: 'a',
      headers: { 'x-attempts': 1, 'x-reason': 'b', 'x-error': 'c', 'x-queue': queue },
    });
  await channel.waitForConfirms();
  await publish('{}');
  for (const [operation, url, payload] of calls) {
    const call = { url, payload, headers: ADMIN };
    await make(t, app, [operation, operation === 'POST /admin/seed' ? 201 : 200, call]);
    await make(t, app, [operation, 401, { url, payload }]);
    await make(t, without, [operation, 500, call]);
    for (const row of malformed(operation, url)) await make(t, app, row);
    if (operation.startsWith('POST')) await make(t, app, [operation, 413, { ...call, payload: big({}) }]);
  }
  const rest = { url: '/admin/dead-letters/discard', payload: { password: 'sesame' } };
  await make(t, app, ['POST /admin/dead-letters/discard', 200, rest]);
  await make(t, app, ['POST /admin/seed', 400, { url: '/admin/seed', payload: {}, headers: ADMIN }]);
  const page = { url: '/admin/dead-letters?limit=0', headers: ADMIN };
  await make(t, app, ['GET /admin/dead-letters', 400, page]);
});

type ConsoleCall = [
  operation: string,
  status: number,
  method: 'GET' | 'HEAD' | 'POST' | 'DELETE',
  payload?: object,
];
/** Signs in. @returns the header that says so */
const signIn = async (on: App): Promise<{ cookie: string }> => {
  const url = '/console/api/session';
  const answer = await on.inject({ method: 'POST', url, payload: { password: 'sesame' } });
  return { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '' };
};
/** The calls of /admin, for who has a session. */
const doors: [operation: string, status: number, payload?: object][] = [
  ['POST /console/api/admin/seed', 201, { count: 1 }],
  ['POST /console/api/admin/reset', 200],
  ['GET /console/api/admin/dead-letters', 200],
  ['POST /console/api/admin/dead-letters/replay', 200, { job_ids: ['a'] }],
  ['POST /console/api/admin/dead-letters/discard', 200, { job_ids: ['a'] }],
];

t.test('the console', async (t) => {
  const headers = await signIn(app);
  const other = { ...headers, 'sec-fetch-site': 'same-site' };
  const calls: ConsoleCall[] = [
    ['GET /console/api/session', 200, 'GET'],
    ['GET /console/api/settings', 200, 'GET'],
    ['GET /console/api/overview', 200, 'HEAD'],
    ['DELETE /console/api/session', 204, 'DELETE'],
    ...doors.map(
      ([operation, status, payload]) =>
        [operation, status, operation.startsWith('GET') ? 'GET' : 'POST', payload] as ConsoleCall,
    ),
  ];
  for (const [operation, status, method, payload] of calls) {
    const url = operation.split(' ')[1] ?? '';
    await make(t, app, [operation, status, { method, url, payload, headers }]);
    if (!operation.endsWith('/session')) await make(t, app, [operation, 401, { url, payload }]);
    await make(t, app, [operation, 403, { url, payload, headers: other }]);
    for (const row of malformed(operation, url)) await make(t, app, row);
    if (method !== 'GET' && method !== 'HEAD')
      await make(t, app, [operation, 413, { url, payload: big({}), headers }]);
  }
  const seed = { url: '/console/api/admin/seed', payload: {}, headers };
  await make(t, app, ['POST /console/api/admin/seed', 400, seed]);
  const page = { url: '/console/api/admin/dead-letters?limit=0', headers };
  await make(t, app, ['GET /console/api/admin/dead-letters', 400, page]);

  const operation = 'POST /console/api/session';
  const url = '/console/api/session';
  const wrong = { url, payload: { password: 'simsim' } };
  const without = await startApp(t, { ...env, ADMIN_PASSWORD: '' });
  for (const row of [
    [operation, 201, { url, payload: { password: 'sesame' } }],
    [operation, 400, { url, payload: {} }],
    [operation, 401, wrong],
    [operation, 403, { ...wrong, headers: { origin: 'http://elsewhere.example' } }],
    [operation, 413, { url, payload: big({}) }],
    ...malformed(operation, url),
  ] as Row[])
    await make(t, app, row);
  await make(t, without, [operation, 500, wrong]);
  await until(
    'there are too many tries',
    async () => (await app.inject({ method: 'POST', ...wrong })).statusCode === 429,
  );
  await make(t, app, [operation, 429, wrong]);
});

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
