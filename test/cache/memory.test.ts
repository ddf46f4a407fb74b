/** Cache in Redis has a limit of its own, and does not push out what was promised. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import t from 'tap';
import { createBudget } from '../../cache/budget.ts';
import { freePort } from '../../ops/ports.ts';
import { startRedis, stopServer } from '../../ops/private-servers.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../helpers/orders.ts';
import { openReadyCache } from '../helpers/pending.ts';

const ORDERS = 3_000;
const folder = scratchFolder(t, stopServer);
const port = await freePort();
await startRedis({ folder, port });
const redis = new Redis({ port });
t.teardown(() => redis.disconnect());
const env = await isolatedEnvironment({
  REDIS_URL: `redis://127.0.0.1:${port}/0`,
  CACHE_MEMORY_MB: '1',
});
const app = await startReadyApp(t, env);
const orders = Array.from({ length: ORDERS }, () => anAcceptedOrder({ customer_name: 'A'.repeat(80) }));
await insertAccepted(app.database.orm, orders);
const keysOf = async (pattern: string) =>
  (await redis.keys(pattern)).filter((key) => !key.endsWith('version'));
const read = async (url: string) => (await app.inject(url)).statusCode;

t.test('a budget counts what is alive', async (t) => {
  let now = 0;
  const { take } = createBudget(1_000, () => now);
  t.ok(take(700, 5_000));
  t.notOk(take(400, 5_000), 'no room');
  t.notOk(take(900, 5_000), 'larger than all');
  now = 6_000;
  t.ok(take(800, 500), 'the first has expired');
  t.notOk(createBudget(0).take(1, 1_000), 'nothing at all');
});

t.test(
  'no more is in Redis than fits, and pages that nobody asks for twice have a quarter of it',
  async (t) => {
    const inRedis = async () => {
      const sizes = (await keysOf('orders:*')).map((key) => redis.strlen(key));
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    };
    for (let page = 0; page < 30; page++)
      t.equal(await read(`/orders?limit=100&after=${orders[page]?.order.order_id}`), 200);
    const once = await inRedis();
    t.ok(once > 2 ** 17 && once <= 2 ** 18, `${once} bytes`);
    for (let round = 0; round < 2; round++) await read('/orders?limit=7');
    const key = `orders:list:${await app.cache.lists.version()}:limit=7`;
    await until('one that was asked for twice is there', () => redis.exists(key));
    for (let i = 0; i < ORDERS; i += 10)
      await Promise.all(orders.slice(i, i + 10).map(({ order }) => read(`/orders/${order.order_id}`)));
    const all = await inRedis();
    t.ok(all > 2 ** 19 && all <= 2 ** 20, `${all} bytes`);
  },
);

t.test('a policy that evicts, and a memory that is short, are said', async (t) => {
  const health = async () => (await app.inject('/health/ready')).json();
  t.match(await health(), { status: 'ready' });
  await redis.config('SET', 'maxmemory-policy', 'volatile-lru');
  t.match(await health(), { status: 'ready' }, 'without a limit nothing is evicted');
  await redis.config('SET', 'maxmemory', '1gb');
  const evicting = await health();
  t.match(evicting, { status: 'degraded', redis: { ok: true, reason: /volatile-lru.*noeviction/ } });
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  t.match(await health(), { status: 'ready' });
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  await redis.config('SET', 'maxmemory', String(Math.round(used * 1.08)));
  t.match(await health(), { status: 'degraded', redis: { ok: true, reason: /maxmemory is used/ } });
  await redis.config('SET', 'maxmemory', '0');
  t.match(await health(), { status: 'ready' });

  await redis.call('ACL', 'SETUSER', 'default', '-info');
  t.match(await health(), { status: 'ready' }, 'nothing is known, nothing is said');
  await redis.call('ACL', 'SETUSER', 'default', '+info');
});

t.test('what Redis has evicted is unknown, not "not found"', async (t) => {
  const posted = await app.inject({
    method: 'POST',
    url: '/orders',
    payload: { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] },
  });
  const id = posted.json().order_id;
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await redis.config('SET', 'maxmemory', '1');
  await until('it is evicted', async () => (await redis.exists(`temp_order:${id}`)) === 0);
  await redis.config('SET', 'maxmemory', '0');
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  await until('Redis is used', async () => (await app.inject('/health/ready')).json().status === 'ready');
  t.equal(await read(`/orders/${id}`), 503);
});

t.test('large lists over a slow network delay no pending copy', async (t) => {
  const sockets = new Set<Socket>();
  /** How fast each connection carries what is sent to Redis, in bytes per second. */
  const RATE = 4 * 2 ** 20;
  const slow = createServer(async (client) => {
    const target = connect(port, '127.0.0.1');
    for (const socket of [client, target]) sockets.add(socket.on('error', () => {}));
    target.pipe(client);
    try {
      for await (const bytes of client) {
        target.write(bytes);
        await sleep((bytes.length / RATE) * 1_000);
      }
    } catch {
      // The client has given it up.
    }
  }).listen(0, '127.0.0.1');
  await once(slow, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    slow.close();
  });
  const address = slow.address();
  if (address === null || typeof address === 'string') return t.fail('the proxy has no port');
  const cache = await openReadyCache(t, {
    ...env,
    REDIS_URL: `redis://127.0.0.1:${address.port}/0`,
    CACHE_MEMORY_MB: '64',
  });
  // Eight seconds for that alone.
  const put = cache.lists.put('1', '', Buffer.alloc(32 * 2 ** 20), 30_000);
  let longest = 0;
  for (const { order } of orders.slice(0, 200)) {
    const started = performance.now();
    t.ok(await cache.pending.put(order.order_id, JSON.stringify(order), 1_000));
    t.match(await cache.pending.find(order.order_id), { kind: 'order' });
    longest = Math.max(longest, performance.now() - started);
    await sleep(5);
  }
  t.ok(longest < 1_000, `${longest} ms at the longest`);
  await put;
  t.ok((await cache.time()) !== null, 'nor does it take the other link with it');
});
