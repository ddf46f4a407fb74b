/** POST /orders/batch: many orders in one request, each accepted or refused by itself. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { startApp, startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const UUIDV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UUIDV8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const nowhere = String(await freePort());

interface Result {
  job_id?: string;
  order_id: string;
  status?: string;
  error?: string;
  code?: string;
}
const order = (customer_name = 'Ada') => ({ customer_name, items: [{ name: 'Tea', quantity: 1 }] });
const orders = (count: number) => Array.from({ length: count }, (_, i) => order(`Ada ${i}`));
const JSON_TYPE = 'application/json';
const send = (
  payload: unknown,
  { type = JSON_TYPE, key, to = app }: { type?: string; key?: string; to?: typeof app } = {},
) =>
  to.inject({
    method: 'POST',
    url: '/orders/batch',
    headers: { 'content-type': type, ...(key && { 'idempotency-key': key }) },
    payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
  });
const resultsOf = (answer: { json: () => { results: Result[] } }): Result[] => answer.json().results;
const takeJobs = async (count: number) => {
  const jobs = [];
  for (let i = 0; i < count; i++) {
    const { content } = await until('there is a job', () => stores.take());
    jobs.push(JSON.parse(content.toString()));
  }
  t.equal(await stores.waiting(), 0, 'and no other job');
  return jobs;
};
const invalid = (error: string) => ({ error, code: 'invalid_input' });
const ITEMS = 'a list of 1 to 1000 items';
const QUANTITY = 'an integer from 1 to 2147483647';

t.test('each order is a job and readable at once, in the order of the request', async (t) => {
  await stores.channel.purgeQueue(stores.queue);
  const answer = await send([order('Ada'), { ...order('Bob'), status: 'urgent', note: 'x' }]);
  t.equal(answer.statusCode, 202);
  const results = resultsOf(answer);
  t.strictSame(
    results,
    results.map(({ job_id, order_id }) => ({ job_id, order_id, status: 'queued' })),
  );
  const expected = [
    { ...order('Ada'), status: 'received' },
    { ...order('Bob'), status: 'urgent' },
  ];
  const jobs = await takeJobs(2);
  for (const [i, { job_id, order_id }] of results.entries()) {
    for (const id of [job_id, order_id]) t.match(id, UUIDV7);
    t.strictSame((await app.inject(`/orders/${order_id}`)).json(), { order_id, ...expected[i] });
    t.match(jobs[i], { job_id, type: 'create_order', payload: { order_id, ...expected[i] } });
  }
  t.ok(jobs[0].version < jobs[1].version, 'versions ascend');
});

t.test('bad orders are told by their places, and the others are accepted', async (t) => {
  const bad: [unknown, string][] = [
    [null, 'orders[1] must be a JSON object with customer_name and items, got null.'],
    [[], 'orders[2] must be a JSON object with customer_name and items, got a list of 0.'],
    [{ customer_name: 'Eve' }, `orders[3].items is required and must be ${ITEMS}.`],
    [
      { customer_name: 'Eve', items: [{ name: 'Tea', quantity: 0 }] },
      `orders[4].items[0].quantity must be ${QUANTITY}, got 0.`,
    ],
    [
      { customer_name: 'Eve', items: [{ name: 'Tea' }] },
      `orders[5].items[0].quantity is required and must be ${QUANTITY}.`,
    ],
  ];
  const text = { customer_name: 'Eve', items: [{ name: 'Tea', quantity: '12' }] };
  const answer = await send([order(), ...bad.map(([one]) => one), text]);
  t.equal(answer.statusCode, 202);
  const results = resultsOf(answer);
  t.strictSame(
    results.slice(1, -1),
    bad.map(([, sentence]) => invalid(sentence)),
  );
  t.equal(results[0]?.status, 'queued');
  const read = (await app.inject(`/orders/${results.at(-1)?.order_id}`)).json();
  t.equal(read.items[0].quantity, 12, 'a quantity may be text');

  const none = await send([{}]);
  t.equal(none.statusCode, 202, 'also if no order is valid');
  t.strictSame(resultsOf(none), [
    invalid('orders[0].customer_name is required and must be a text of 1 to 80 characters.'),
  ]);
});

t.test('NDJSON: an order on each line', async (t) => {
  const lines = ['Ada', 'Bob', 'Eve\u2028'].map((name) => JSON.stringify(order(name)));
  for (const [type, body] of [
    ['application/x-ndjson', lines.join('\n')],
    ['application/ndjson; charset=utf-8', `${lines.join('\r\n')}\r\n`],
    ['application/jsonl', `\ufeff\n \n\t\r\n${lines.join('\n\n  ')}\n\n\n`],
  ] as const) {
    const answer = await send(body, { type });
    t.equal(answer.statusCode, 202, type);
    const read = [];
    for (const { order_id } of resultsOf(answer))
      read.push((await app.inject(`/orders/${order_id}`)).json().customer_name);
    t.strictSame(read, ['Ada', 'Bob', 'Eve\u2028'], type);
  }

  const deep = `${'['.repeat(600)}${'1'.repeat(1_000)}${']'.repeat(600)}`;
  const odd = [lines[0], '{"customer_name":', 'nope', deep, '{"__proto__":{}}', '7', lines[1]];
  const results = resultsOf(await send(odd.join('\n'), { type: 'application/x-ndjson' }));
  const noJson = (i: number, got: string) =>
    invalid(`orders[${i}] must be valid JSON of at most 512 levels on one line, got ${got}.`);
  t.strictSame(results.slice(1, -1), [
    noJson(1, '"{\\"customer_name\\":"'),
    noJson(2, '"nope"'),
    noJson(3, `"${'['.repeat(20)}…" (2200 characters)`),
    noJson(4, '"{\\"__proto__\\":{}}"'),
    invalid('orders[5] must be a JSON object with customer_name and items, got 7.'),
  ]);
  t.strictSame([results[0]?.status, results.at(-1)?.status], ['queued', 'queued']);
});

t.test('what is no batch is refused as a whole', async (t) => {
  await stores.channel.purgeQueue(stores.queue);
  const sentence = (got: string) => `The request body must be a list of 1 to 1000 orders, got ${got}.`;
  const NDJSON = 'application/x-ndjson';
  const notUtf8 = Buffer.from('[{"customer_name":"\xe9"}]', 'latin1');
  const large = `[${' '.repeat(8 * 2 ** 20)}]`;
  const cases: [type: string, body: string | Buffer, status: number, error: string][] = [
    [JSON_TYPE, '[]', 400, sentence('a list of 0')],
    [JSON_TYPE, '', 400, sentence('null')],
    [JSON_TYPE, JSON.stringify(order()), 400, sentence('an object')],
    [JSON_TYPE, JSON.stringify(orders(1_001)), 400, sentence('a list of 1001')],
    [JSON_TYPE, '[{}', 400, 'The request body is not valid JSON.'],
    [JSON_TYPE, notUtf8, 400, 'The request body is not valid UTF-8.'],
    [NDJSON, notUtf8, 400, 'The request body is not valid UTF-8.'],
    [NDJSON, '', 400, sentence('null')],
    [NDJSON, '\n\r\n \n', 400, sentence('a list of 0')],
    [NDJSON, '{}\n'.repeat(1_001), 400, 'The request body must have at most 1000 lines, got more.'],
    [JSON_TYPE, large, 413, 'The request body is too large: at most 8388608 bytes are taken.'],
    [NDJSON, large, 413, 'The request body is too large: at most 8388608 bytes are taken.'],
    [
      'text/csv',
      'a,b',
      415,
      'Content-Type must be application/json or application/x-ndjson, got "text/csv".',
    ],
    [
      'application/jsonl; charset=latin1',
      '{}',
      415,
      'The charset of Content-Type must be utf-8, got "application/jsonl; charset=latin1".',
    ],
  ];
  for (const [type, body, status, error] of cases) {
    const answer = await send(body, { type });
    t.equal(answer.statusCode, status, error);
    t.equal(answer.json().error, error);
  }
  t.equal((await send('{}', { type: NDJSON })).statusCode, 202);
  const single = { method: 'POST', url: '/orders', payload: '{}' } as const;
  t.equal((await app.inject({ ...single, headers: { 'content-type': NDJSON } })).statusCode, 415);
  t.equal(await stores.waiting(), 0);
});

t.test('a body of almost 8 MiB', async (t) => {
  const items = Array.from({ length: 1_000 }, () => ({ name: 'x'.repeat(80), quantity: 2_147_483_647 }));
  const batch = Array.from({ length: 69 }, () => ({ customer_name: 'Ada', items }));
  const body = JSON.stringify(batch);
  t.ok(body.length > 7.5 * 2 ** 20 && body.length < 8 * 2 ** 20);
  const answer = await send(body);
  t.equal(answer.statusCode, 202);
  for (const { order_id } of [resultsOf(answer)[0], resultsOf(answer).at(-1)] as Result[])
    t.equal((await app.inject(`/orders/${order_id}`)).json().items.length, 1_000);
  await stores.channel.purgeQueue(stores.queue);
});

t.test('Idempotency-Key: the first answer again, 409 in flight, 422 for another body', async (t) => {
  await stores.channel.purgeQueue(stores.queue);
  const key = randomUUID();
  const batch = [order('Ada'), {}, order('Ada')];
  const [first, meanwhile] = await Promise.all([send(batch, { key }), send(batch, { key })]);
  t.equal(first.statusCode, 202);
  t.equal(meanwhile.statusCode, 409);
  t.notOk('idempotency-replayed' in first.headers);
  const results = resultsOf(first);
  t.equal(new Set(results.flatMap(({ job_id, order_id }) => [job_id, order_id] as unknown[])).size, 5);
  for (const { job_id, order_id } of [results[0], results[2]] as Result[])
    for (const id of [job_id, order_id]) t.match(id, UUIDV8);

  const lines = batch.map((one) => JSON.stringify(one)).join('\n');
  for (const [body, type] of [
    [JSON.stringify(batch), JSON_TYPE],
    [lines, 'application/x-ndjson'],
  ] as const) {
    const again = await send(body, { key, type });
    t.equal(again.statusCode, 202);
    t.equal(again.headers['idempotency-replayed'], 'true');
    t.equal(again.body, first.body);
  }
  for (const other of [
    [order('Ada'), {}],
    [order('Ada'), {}, order('Bob')],
    [order('Ada'), 7, order('Ada')],
  ])
    t.equal((await send(other, { key })).json().code, 'idempotency_key_reused');
  const single = { method: 'POST', url: '/orders', headers: { 'idempotency-key': key } } as const;
  t.equal((await app.inject({ ...single, payload: order() })).statusCode, 422);
  await takeJobs(2);

  await stores.redis.flushdb();
  t.equal((await send(batch, { key })).body, first.body, 'without the record the ids are the same');
});

t.test('without RabbitMQ: 503 as for one order, no trace, and the key may be used again', async (t) => {
  await stores.channel.purgeQueue(stores.queue);
  await stores.redis.flushdb();
  const cut = await startApp(t, { ...env, RABBITMQ_PORT: nowhere });
  await cut.cache.reachedWithin(10_000);
  const told: number[] = [];
  const key = randomUUID();
  cut.observer.writeRefused = ({ writes }) => told.push(writes);
  for (const batch of [orders(3), [order(), {}]]) {
    const refused = await send(batch, { key: `${key} ${batch.length}`, to: cut });
    t.equal(refused.statusCode, 503);
    t.strictSame(refused.json(), { error: 'Unable to queue order.', code: 'queue_unavailable' });
    t.equal(refused.headers['retry-after'], '1');
  }
  t.strictSame(told, [3, 1], 'each order that was not queued is told of');
  t.strictSame(await stores.redis.keys('temp_order:*'), []);
  t.equal((await send(orders(3), { key: `${key} 3` })).statusCode, 202);
  t.equal((await send([{}], { to: cut })).statusCode, 202, 'nothing was to be queued');
  await takeJobs(3);
});

t.test('a retry after a partial failure tries what failed, and makes nothing twice', async (t) => {
  const own = await isolatedEnvironment();
  const there = await openStores(t, own);
  // The broker refuses what is too much for this queue.
  const limits = { 'x-queue-type': 'classic', 'x-max-length': 3, 'x-overflow': 'reject-publish' };
  await there.channel.assertQueue(there.queue, { durable: true, arguments: limits });
  const api = await startReadyApp(t, own);
  await api.inject({ method: 'POST', url: '/orders', payload: order('Zoe') });

  const key = randomUUID();
  const batch = [order('Ada'), {}, order('Bob'), order('Eve')];
  const first = await send(batch, { key, to: api });
  t.equal(first.statusCode, 202);
  const before = resultsOf(first);
  t.strictSame(
    before.map((one) => one.status ?? one.code),
    ['queued', 'invalid_input', 'queued', 'queue_unavailable'],
  );
  t.equal(before[3]?.error, 'Unable to queue order.');
  t.equal((await there.redis.keys('temp_order:*')).length, 3, 'nothing is left of the one that was refused');

  const consumer = startProcess(t, 'consumer', { ...own, LOG_LEVEL: 'debug' });
  const names = async () =>
    (await there.rows('SELECT customer_name AS name FROM orders ORDER BY name')).map((row) => row.name);
  await until('what was accepted is applied', async () => (await names()).length === 3);
  const second = await send(batch, { key, to: api });
  t.equal(second.statusCode, 202);
  t.notOk('idempotency-replayed' in second.headers);
  const after = resultsOf(second);
  t.strictSame(after.slice(0, 3), before.slice(0, 3), 'the same writes');
  t.equal(after[3]?.status, 'queued');
  const third = await send(batch, { key, to: api });
  t.equal(third.headers['idempotency-replayed'], 'true');
  t.strictSame(resultsOf(third), after);
  await until('all jobs are done', () => consumer.output().split('"job done"').length - 1 === 6);
  t.strictSame(await names(), ['Ada', 'Bob', 'Eve', 'Zoe']);
  await consumer.end();
});

t.test('1,000 orders reach MySQL and are listed in the order of the request', async (t) => {
  const there = await isolatedEnvironment();
  const api = await startReadyApp(t, there);
  const consumer = startProcess(t, 'consumer', there);
  const batch = orders(1_000);
  const sent: [string, string | undefined][] = [
    ['without a key', undefined],
    ['with a key', randomUUID()],
  ];
  let total = 0;
  for (const [what, key] of sent) {
    const answer = await send(batch, { to: api, ...(key && { key }) });
    t.equal(answer.statusCode, 202);
    const ids = resultsOf(answer).map(({ order_id }) => order_id);
    total += batch.length;
    const listed = await until('all are listed', async () => {
      const list = (await api.inject('/orders')).json();
      return list.total_orders === total && list.orders;
    });
    t.strictSame(
      listed.slice(0, batch.length).map((one: Result) => one.order_id),
      ids.toReversed(),
      what,
    );
  }
  await consumer.end();
});
