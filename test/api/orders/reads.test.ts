/** The way of a read through the caches. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { jittered } from '../../../cache/orders.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../../helpers/orders.ts';
import { openStores } from '../../helpers/stores.ts';

/** The same number as in cache/orders.ts. */
const GUARDED_MS = 5_000;

const env = await isolatedEnvironment({ ORDERS_CACHE_TTL: '1', TEMP_ORDER_CACHE_TTL: '1' });
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const ID = '00000000-0000-7000-8000-000000000001';
await insertAccepted(app.database.orm, [anAcceptedOrder({ order_id: ID })]);

const status = async () => (await app.inject(`/orders/${ID}`)).json().status;
const listed = async () => (await app.inject('/orders')).json().orders[0].status;
const setStatus = (value: string) => stores.rows('UPDATE orders SET status = ? WHERE id = ?', [value, ID]);

t.test('an order: miss, hit, expiry', async (t) => {
  t.equal(await status(), 'received');
  await setStatus('changed');
  t.equal(await status(), 'received', 'a hit');
  const ttl = await stores.redis.pttl(`orders:detail:${ID}`);
  t.ok(ttl > 0 && ttl <= 1_100, `expires in ${ttl} ms`);
  await until('the cached answer has expired', async () => (await status()) === 'changed', 3_000);
});

t.test('the list: miss, hit, new version, expiry', async (t) => {
  t.equal(await listed(), 'changed');
  await setStatus('again');
  t.equal(await listed(), 'changed', 'a hit');
  await stores.redis.incr('orders:list:version');
  t.equal(await listed(), 'again', 'a new version');
  await setStatus('finally');
  await until('the cached list has expired', async () => (await listed()) === 'finally', 3_000);
});

t.test('a pending copy is read before everything else, for as long as the write waits', async (t) => {
  await stores.redis.set(`orders:detail:${ID}`, JSON.stringify({ status: 'cached' }));
  const patch = { method: 'PATCH', url: `/orders/${ID}/status`, payload: { status: 'pending' } } as const;
  await app.inject(patch);
  t.equal(await status(), 'pending');
  await until('the pending copy is old', async () => {
    const { version } = JSON.parse((await stores.redis.get(`temp_order:${ID}`)) ?? '');
    return Date.now() > version / 1000 + 1_500;
  });
  t.equal(await status(), 'pending', 'longer than TEMP_ORDER_CACHE_TTL');
  const { version } = JSON.parse((await stores.redis.get(`temp_order:${ID}`)) ?? '');
  await stores.rows("UPDATE orders SET status = 'settled', version = ? WHERE id = ?", [
    Number(version) + 1,
    ID,
  ]);
  t.equal(await status(), 'settled', 'an old copy that nobody settled gives way to a newer row');
  t.equal(await status(), 'settled', 'and what was cached before is gone');
  await stores.redis.del(`orders:detail:${ID}`);
});

t.test('an order that was deleted is not found, though an answer is still cached', async (t) => {
  await stores.redis.set(`orders:detail:${ID}`, JSON.stringify({ status: 'cached' }));
  await stores.redis.set(`temp_order:${ID}`, JSON.stringify({ order_id: ID, deleted: true }));
  t.equal((await app.inject(`/orders/${ID}`)).statusCode, 404);
  const patch = { method: 'PATCH', url: `/orders/${ID}/status`, payload: { status: 'back' } } as const;
  await app.inject(patch);
  t.equal((await app.inject(`/orders/${ID}`)).statusCode, 404, 'a late write does not show it again');
});

t.test('an answer that takes too long is none, and is not stored', async (t) => {
  const slow = randomUUID();
  await insertAccepted(app.database.orm, [anAcceptedOrder({ order_id: slow, status: 'slow' })]);
  await stores.rows('LOCK TABLES orders WRITE');
  const started = performance.now();
  const answer = await app.inject(`/orders/${slow}`);
  const ms = performance.now() - started;
  await stores.rows('UNLOCK TABLES');
  t.equal(answer.statusCode, 503);
  t.ok(ms < GUARDED_MS - 1_000, `after ${ms} ms, long before the guard of a commit is gone`);
  const read = async () => (await app.inject(`/orders/${slow}`)).json().status;
  await stores.rows("UPDATE orders SET status = 'fast' WHERE id = ?", [slow]);
  t.equal(await read(), 'fast', 'from MySQL');
  await stores.rows("UPDATE orders SET status = 'faster' WHERE id = ?", [slow]);
  t.equal(await read(), 'fast', 'a fast answer is stored');
});

t.test('TTLs vary by ten percent and are never 0', async (t) => {
  t.equal(jittered(30, 0), 27);
  t.equal(jittered(30, 0.5), 30);
  t.equal(jittered(30, 1), 33);
  t.equal(jittered(1, 0), 1);
});

t.test('an order is read however many lists wait for MySQL', async (t) => {
  await stores.redis.flushdb();
  await stores.rows('LOCK TABLES order_counts WRITE');
  const lists = Array.from({ length: 20 }, (_, n) => app.inject(`/orders?limit=${n + 1}`));
  await until('lists wait for the lock', async () =>
    (await stores.rows('SHOW PROCESSLIST')).some(({ State }) => /metadata lock/i.test(State ?? '')),
  );
  const one = await app.inject(`/orders/${ID}`);
  t.equal(one.statusCode, 200, one.body);
  await stores.rows('UNLOCK TABLES');
  for (const list of await Promise.all(lists)) t.equal(list.statusCode, 200, list.body);
});
