/** What clients see while a server is away, and that the service comes back by itself. */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { startRedis, stopServer } from '../../ops/private-servers.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { startApp, startReadyApp } from '../helpers/app.ts';
import { startDatabase } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../helpers/orders.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const stores = await openStores(t, env);
const nowhere = String(await freePort());
const ID = '00000000-0000-7000-8000-000000000001';
const body = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
const writes = [
  { method: 'POST', url: '/orders', payload: body },
  { method: 'PATCH', url: `/orders/${ID}/status`, payload: { status: 'x' } },
  { method: 'DELETE', url: `/orders/${ID}` },
] as const;

const { order, at } = anAcceptedOrder({ order_id: ID, ...body });
await insertAccepted(startDatabase(t, env).orm, [{ order, at }]);

t.test('without RabbitMQ: writes get 503 at once and leave no trace, reads work', async (t) => {
  const app = await startApp(t, { ...env, RABBITMQ_PORT: nowhere });
  await app.cache.reachedWithin(10_000);
  for (const write of writes) {
    const response = await app.inject(write);
    t.equal(response.statusCode, 503);
    t.strictSame(response.json(), { error: 'Unable to queue order.', code: 'queue_unavailable' });
    t.equal(response.headers['retry-after'], '1');
  }
  const letters = await app.inject({
    url: '/admin/dead-letters',
    headers: { 'x-admin-password': 'sesame' },
  });
  t.equal(letters.statusCode, 503);
  t.strictSame(letters.json(), {
    error: 'Unable to reach the dead letters.',
    code: 'queue_unavailable',
  });
  t.strictSame((await app.inject(`/orders/${ID}`)).json(), order);
  t.strictSame(
    await stores.redis.keys('temp_order:*'),
    [],
    'nothing of the POST, nor to be seen of the others',
  );
  t.equal((await app.inject('/orders')).json().total_orders, 1);
  t.equal(
    (await app.inject({ method: 'POST', url: '/admin/reset', headers: { 'x-admin-password': 'sesame' } }))
      .statusCode,
    503,
  );
  await app.cache.lists.invalidate();
});

t.test('the queue deleted under us: never a 202', async (t) => {
  const own = await isolatedEnvironment();
  const app = await startReadyApp(t, own);
  const there = await openStores(t, own);
  await there.channel.deleteQueue(there.queue);
  const response = await app.inject(writes[0]);
  t.equal(response.statusCode, 503);
  t.strictSame(await there.redis.keys('temp_order:*'), []);
});

t.test('without MySQL: writes are accepted, pending and cached reads answered, others 503', async (t) => {
  const app = await startApp(t, { ...env, DB_PORT: nowhere });
  await app.cache.reachedWithin(10_000);
  const accepted = await until('RabbitMQ is reached', async () => {
    const response = await app.inject(writes[0]);
    return response.statusCode === 202 && response;
  });
  t.equal((await app.inject(`/orders/${accepted.json().order_id}`)).statusCode, 200);
  await stores.redis.set(`orders:detail:${ID}`, JSON.stringify(order));
  t.strictSame((await app.inject(`/orders/${ID}`)).json(), order);
  const miss = await app.inject('/orders/00000000-0000-7000-8000-000000000009');
  t.equal(miss.statusCode, 503);
  t.strictSame(miss.json(), { error: 'Unable to read orders.', code: 'database_unavailable' });
  for (const url of ['/orders', '/orders?limit=5']) {
    const list = await app.inject(url);
    t.equal(list.statusCode, 503, 'a list that nothing has cached');
    t.strictSame(list.json(), { error: 'Unable to read orders.', code: 'database_unavailable' });
    await app.cache.lists.put(
      (await app.cache.lists.version()) ?? '',
      url.slice('/orders?'.length),
      Buffer.from('{}'),
      5_000,
    );
    t.equal((await app.inject(url)).body, '{}', 'and one that another process has');
  }
  await app.cache.lists.invalidate();
  await stores.redis.del(`orders:detail:${ID}`);
});

t.test('with CACHE_DISABLED everything but read-your-writes works', async (t) => {
  const app = await startReadyApp(t, {
    ...env,
    CACHE_DISABLED: 'True',
    REDIS_URL: `redis://127.0.0.1:${nowhere}/0`,
  });
  const { order_id } = (await app.inject(writes[0])).json();
  t.equal((await app.inject(`/orders/${order_id}`)).statusCode, 503, 'not applied, and nowhere else');
  t.strictSame((await app.inject(`/orders/${ID}`)).json(), order);
  await stores.rows("UPDATE orders SET status = 'other' WHERE id = ?", [ID]);
  t.equal((await app.inject(`/orders/${ID}`)).json().status, 'other', 'nothing is cached');
  t.equal((await app.inject('/orders')).json().orders[0].status, 'other');
  await stores.rows("UPDATE orders SET status = 'received' WHERE id = ?", [ID]);
});

t.test('Redis lost and back', async (t) => {
  const folder = scratchFolder(t, stopServer);
  const port = await freePort();
  await startRedis({ folder, port });
  const app = await startReadyApp(t, { ...env, REDIS_URL: `redis://127.0.0.1:${port}/0` });
  await stopServer(folder);

  const created = await app.inject(writes[0]);
  t.equal(created.statusCode, 202);
  t.strictSame((await app.inject(`/orders/${ID}`)).json(), order);
  t.equal((await app.inject('/orders')).statusCode, 200);
  t.equal((await app.inject(writes[2])).statusCode, 202);

  await startRedis({ folder, port });
  await until('Redis is back', async () => (await app.inject('/health/ready')).json().status === 'ready');
  const { order_id } = (await app.inject(writes[0])).json();
  t.equal((await app.inject(`/orders/${order_id}`)).statusCode, 200);
});

t.test(
  'a Redis that accepts connections and never answers delays a request by no more than a moment',
  async (t) => {
    const sockets = new Set<Socket>();
    const mute: Server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    t.teardown(() => {
      for (const socket of sockets) socket.destroy();
      mute.close();
    });
    const address = mute.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const app = await startApp(t, { ...env, REDIS_URL: `redis://127.0.0.1:${port}/0` });
    await until('RabbitMQ is reached', async () => (await app.inject('/health/ready')).json().rabbitmq.ok);
    const started = performance.now();
    t.equal((await app.inject(writes[0])).statusCode, 202);
    t.strictSame((await app.inject(`/orders/${ID}`)).json(), order);
    t.ok(performance.now() - started < 5_000);
  },
);

t.test('garbage in the cache is a miss', async (t) => {
  const app = await startReadyApp(t, env);
  const redis = new Redis(env.REDIS_URL ?? '');
  t.teardown(() => redis.disconnect());
  await redis.set(`temp_order:${ID}`, '{"order_id": ');
  t.strictSame((await app.inject(`/orders/${ID}`)).json(), order);
  await redis.del(`temp_order:${ID}`);
  await redis.del(`orders:detail:${ID}`);
  await redis.lpush(`orders:detail:${ID}`, 'a list');
  t.strictSame((await app.inject(`/orders/${ID}`)).json(), order);
});
