import t from 'tap';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../../helpers/orders.ts';
import { openStores } from '../../helpers/stores.ts';

const UUIDV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);

const body = { customer_name: 'Ada Lovelace', items: [{ name: 'Difference engine', quantity: 1 }] };
const create = async (payload: object = body) => app.inject({ method: 'POST', url: '/orders', payload });

/** An order as a consumer would have left it in MySQL, with nothing of it in Redis. */
const applied = async (id: string, at?: number) => {
  const items = [
    { name: 'Compiler', quantity: 2 },
    { name: 'Nanosecond', quantity: 1000 },
  ];
  const accepted = anAcceptedOrder({ order_id: id, customer_name: 'Grace Hopper', items }, at);
  await insertAccepted(app.database.orm, [accepted]);
  return accepted.order;
};

t.test('POST /orders answers 202, and the order is readable at once', async (t) => {
  const response = await create();
  t.equal(response.statusCode, 202);
  const answer = response.json();
  t.match(answer.job_id, UUIDV7);
  t.match(answer.order_id, UUIDV7);
  t.strictSame(answer, {
    job_id: answer.job_id,
    job_type: 'create_order',
    status: 'queued',
    order_id: answer.order_id,
    message: 'Order creation scheduled.',
  });

  const read = await app.inject(`/orders/${answer.order_id}`);
  t.equal(read.statusCode, 200);
  t.equal(read.headers['content-type'], 'application/json; charset=utf-8');
  t.strictSame(read.json(), { order_id: answer.order_id, ...body, status: 'received' });
});

t.test('the job is a durable message with the plain body and the id of the request', async (t) => {
  await stores.channel.purgeQueue(stores.queue);
  const before = Date.now();
  const response = await app.inject({
    method: 'POST',
    url: '/orders',
    payload: { ...body, status: 'urgent' },
    headers: { 'x-request-id': 'req-42' },
  });
  t.equal(response.headers['x-request-id'], 'req-42');
  const { job_id, order_id } = response.json();

  const message = await stores.take();
  if (!message) return t.fail('there is no message');
  const { accepted_at, version, ...job } = JSON.parse(message.content.toString());
  t.strictSame(job, { job_id, type: 'create_order', payload: { order_id, ...body, status: 'urgent' } });
  t.ok(Date.parse(accepted_at) >= before && Date.parse(accepted_at) <= Date.now());
  t.equal(Date.parse(accepted_at), Math.floor(version / 1000), 'a version is a time in microseconds');
  t.match(message.properties, {
    deliveryMode: 2,
    contentType: 'application/json',
    messageId: job_id,
    correlationId: 'req-42',
    type: 'create_order',
  });
});

t.test('the pending copy is the whole order, for TEMP_ORDER_PENDING_TTL seconds', async (t) => {
  const { order_id } = (await create()).json();
  const { version, ...order } = JSON.parse((await stores.redis.get(`temp_order:${order_id}`)) ?? '');
  t.strictSame(order, { order_id, ...body, status: 'received' });
  t.match(version, /^\d{16}$/);
  const ttl = await stores.redis.ttl(`temp_order:${order_id}`);
  t.ok(ttl > 86_000 && ttl <= 86_400, `ttl ${ttl}`);
});

t.test('a quantity may be a numeric string, and unknown fields are ignored', async (t) => {
  const { order_id } = (
    await create({ ...body, items: [{ name: 'Punch card', quantity: '12', colour: 'red' }], note: 'x' })
  ).json();
  const read = (await app.inject(`/orders/${order_id}`)).json();
  t.strictSame(read.items, [{ name: 'Punch card', quantity: 12 }]);
  t.notOk('note' in read);
});

t.test('80 characters beyond the BMP and an empty-looking name survive', async (t) => {
  const customer_name = '🦀'.repeat(80);
  const { order_id } = (await create({ ...body, customer_name })).json();
  t.equal((await app.inject(`/orders/${order_id}`)).json().customer_name, customer_name);
  const patch = {
    method: 'PATCH',
    url: `/orders/${order_id}/status`,
    payload: { status: 'völlig 🦀' },
  } as const;
  await app.inject(patch);
  t.match((await app.inject(`/orders/${order_id}`)).json(), { customer_name, status: 'völlig 🦀' });
});

t.test('PATCH answers 202, and the next GET shows the status', async (t) => {
  const { order_id } = (await create()).json();
  await stores.channel.purgeQueue(stores.queue);
  const response = await app.inject({
    method: 'PATCH',
    url: `/orders/${order_id}/status`,
    payload: { status: 'shipped' },
  });
  t.equal(response.statusCode, 202);
  const answer = response.json();
  t.strictSame(answer, {
    job_id: answer.job_id,
    job_type: 'update_order_status',
    status: 'queued',
    order_id,
    message: 'Status update scheduled.',
  });
  t.strictSame((await app.inject(`/orders/${order_id}`)).json(), { order_id, ...body, status: 'shipped' });

  const message = await stores.take();
  if (!message) return t.fail('there is no message');
  t.match(JSON.parse(message.content.toString()), {
    job_id: answer.job_id,
    type: 'update_order_status',
    payload: { order_id, status: 'shipped' },
  });
});

t.test('PATCH shows its status on top of an order that only MySQL has, cached or not', async (t) => {
  const order = await applied('00000000-0000-7000-8000-000000000001');
  const url = `/orders/${order.order_id}`;
  await app.inject({ method: 'PATCH', url: `${url}/status`, payload: { status: 'packed' } });
  t.strictSame((await app.inject(url)).json(), { ...order, status: 'packed' }, 'from MySQL');
  t.strictSame((await app.inject(url)).json(), { ...order, status: 'packed' }, 'from the cache');
});

t.test('DELETE answers 202, and the order shows as deleting, whatever is patched after', async (t) => {
  const { order_id } = (await create()).json();
  const response = await app.inject({ method: 'DELETE', url: `/orders/${order_id}` });
  t.equal(response.statusCode, 202);
  const answer = response.json();
  t.strictSame(answer, {
    job_id: answer.job_id,
    job_type: 'delete_order',
    status: 'queued',
    order_id,
    message: 'Deletion scheduled.',
  });
  t.strictSame((await app.inject(`/orders/${order_id}`)).json(), { order_id, ...body, status: 'deleting' });

  await app.inject({ method: 'PATCH', url: `/orders/${order_id}/status`, payload: { status: 'alive' } });
  t.equal((await app.inject(`/orders/${order_id}`)).json().status, 'deleting');
});

t.test('DELETE of an order that only MySQL has shows it as deleting', async (t) => {
  const order = await applied('00000000-0000-7000-8000-000000000002');
  const url = `/orders/${order.order_id}`;
  const response = await app.inject({
    method: 'DELETE',
    url,
    headers: { 'content-type': 'application/json' },
  });
  t.equal(response.statusCode, 202);
  t.strictSame((await app.inject(url)).json(), { ...order, status: 'deleting' });
});

t.test('PATCH and DELETE of an unknown order are accepted and make no order', async (t) => {
  const id = '00000000-0000-7000-8000-00000000dead';
  for (const request of [
    { method: 'PATCH', url: `/orders/${id}/status`, payload: { status: 'x' } },
    { method: 'DELETE', url: `/orders/${id}` },
  ] as const) {
    t.equal((await app.inject(request)).statusCode, 202);
    const read = await app.inject(`/orders/${id}`);
    t.equal(read.statusCode, 404);
    t.strictSame(read.json(), { error: `Order with ID '${id}' not found.`, code: 'order_not_found' });
  }
});

t.test('an id in capitals is the same order', async (t) => {
  const id = '00000000-0000-7000-8000-00000000000a';
  const capitals = id.toUpperCase();
  const inject = async (method: 'GET' | 'PATCH' | 'DELETE', url: string, key = '') => {
    const headers = key === '' ? {} : { 'idempotency-key': key };
    const payload = method === 'PATCH' ? { status: 'packed' } : undefined;
    return (await app.inject({ method, url, headers, payload })).json();
  };
  t.strictSame(await inject('GET', `/orders/${capitals}`), {
    error: `Order with ID '${id}' not found.`,
    code: 'order_not_found',
  });
  t.strictSame(await inject('GET', `/orders?after=${capitals}`), {
    error: `Order with ID '${id}' not found.`,
    code: 'order_not_found',
  });
  for (const [method, path] of [
    ['PATCH', '/status'],
    ['DELETE', ''],
  ] as const) {
    const first = await inject(method, `/orders/${capitals}${path}`, method);
    t.equal(first.order_id, id);
    t.strictSame(await inject(method, `/orders/${id}${path}`, method), first, 'the same keyed request');
  }
});

t.test('GET /orders lists what is applied, newest first', async (t) => {
  await stores.rows('DELETE FROM orders');
  await stores.redis.incr('orders:list:version');
  t.strictSame((await app.inject('/orders')).json(), { total_orders: 0, orders: [] });

  const ids = ['2', '3', '1'].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
  const listed = [];
  for (const [i, id] of ids.entries()) listed.unshift(await applied(id, Date.UTC(2026, 0, 1, 0, 0, i)));
  await stores.redis.incr('orders:list:version');
  const response = await app.inject('/orders');
  t.equal(response.headers['content-type'], 'application/json; charset=utf-8');
  t.strictSame(response.json(), { total_orders: 3, orders: listed }, 'by time of acceptance');

  await stores.rows("UPDATE orders SET accepted_at = '2026-01-01'");
  await stores.redis.incr('orders:list:version');
  const order = (await app.inject('/orders'))
    .json()
    .orders.map(({ order_id }: { order_id: string }) => order_id);
  t.strictSame(order, [...ids].sort().reverse(), 'the id breaks ties');
});

t.test('any origin may call every method', async (t) => {
  // Of a URL that is refused too, or a page would not see why.
  for (const url of ['/orders', '/nowhere', '/orders/%ff', '/orders?limit=%ff']) {
    const { statusCode, headers } = await app.inject({
      method: 'OPTIONS',
      url,
      headers: { origin: 'https://shop.example', 'access-control-request-method': 'PATCH' },
    });
    t.equal(statusCode, 204, url);
    t.equal(headers['access-control-allow-origin'], '*', url);
    t.equal(headers['access-control-max-age'], '7200', url);
    // The methods that flask-cors names.
    for (const method of ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'])
      t.match(headers['access-control-allow-methods'], new RegExp(`\\b${method}\\b`), url);
    t.notMatch(headers.allow, /PUT/, url);
  }
  const read = await app.inject({ url: '/orders', headers: { origin: 'https://shop.example' } });
  t.equal(read.headers['access-control-allow-origin'], '*');
});
