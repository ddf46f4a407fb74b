/** The way of a read through the caches. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { jittered } from '../../../cache/orders.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../../helpers/orders.ts';
import { otherService } from '../../helpers/other-service.ts';
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
const shownVersion = async () => {
  const found = await app.cache.pending.find(ID);
  return found && found.kind !== 'deleted' ? found.version : Number.NaN;
};
const setStatus = (value: string) => stores.rows('UPDATE orders SET status = ? WHERE id = ?', [value, ID]);

t.test('an order: miss, hit, expiry', async (t) => {
  t.equal(await status(), 'received');
  await until('it is stored', () => stores.redis.exists(`orders:detail:${ID}`));
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
    return Date.now() > (await shownVersion()) / 1000 + 1_500;
  });
  t.equal(await status(), 'pending', 'longer than TEMP_ORDER_CACHE_TTL');
  await stores.rows("UPDATE orders SET status = 'settled', version = ? WHERE id = ?", [
    (await shownVersion()) + 1,
    ID,
  ]);
  t.equal(await status(), 'settled', 'an old copy that nobody settled gives way to a newer row');
  t.equal(await status(), 'settled', 'and what was cached before is gone');
  await stores.redis.del(`orders:detail:${ID}`);
});

t.test('an order that was deleted is not found, though an answer is still cached', async (t) => {
  await stores.redis.set(`orders:detail:${ID}`, JSON.stringify({ status: 'cached' }));
  await app.cache.pending.settle([{ orderId: ID, state: 'deleted', versioned: true }]);
  t.equal((await app.inject(`/orders/${ID}`)).statusCode, 404);
  const patch = { method: 'PATCH', url: `/orders/${ID}/status`, payload: { status: 'back' } } as const;
  await app.inject(patch);
  t.equal((await app.inject(`/orders/${ID}`)).statusCode, 404, 'a late write does not show it again');
});

t.test('a copy of another service is believed unless MySQL has a newer write with a version', async (t) => {
  const other = otherService(stores.redis);
  const seen = async (id: string) => {
    const answer = await app.inject(`/orders/${id}`);
    return answer.statusCode === 200 ? answer.json().status : answer.statusCode;
  };
  const insert = async (accepted: ReturnType<typeof anAcceptedOrder>, version: number) => {
    await insertAccepted(app.database.orm, [accepted]);
    await stores.rows('UPDATE orders SET version = ? WHERE id = ?', [version, accepted.order.order_id]);
  };
  const version = (await app.cache.time()) ?? 0;
  const rows: [row: number | undefined, seen: string | number][] = [
    [undefined, 'its own'],
    [0, 'its own'],
    [version - 3_000_000, 'received'],
  ];
  for (const [row, expected] of rows) {
    const accepted = anAcceptedOrder({});
    const { order } = accepted;
    if (row !== undefined) await insert(accepted, row);
    await other.post({ ...order, status: 'its own' });
    t.equal(await seen(order.order_id), expected, `row of version ${row}`);
    await other.remove(order.order_id);
    t.equal(await seen(order.order_id), 'deleting', 'a DELETE waits');
  }
  const accepted = anAcceptedOrder({});
  const id = accepted.order.order_id;
  await insert(accepted, version - 3_000_000);
  await app.cache.pending.put(id, JSON.stringify(accepted.order), version - 3_000_000);
  await other.patch(id, 'its own');
  t.equal(await seen(id), 'its own', 'it wrote over an order of ours');
  await stores.rows("UPDATE orders SET status = 'newer', version = ? WHERE id = ?", [
    version - 2_000_000,
    id,
  ]);
  t.equal(await seen(id), 'newer');
});

t.test('lists that another service keeps, and ours for it', async (t) => {
  const other = otherService(stores.redis);
  const all = async () => (await app.inject('/orders')).json();
  const begin: [what: string, version: () => Promise<unknown>][] = [
    ['no version', () => stores.redis.del('orders:list:version')],
    ['version 0', () => stores.redis.set('orders:list:version', 0)],
    ['a version that it counted', () => other.invalidateLists()],
  ];
  for (const [what, version] of begin) {
    await version();
    const ours = await all();
    const kept = await until('it is kept', async () => (await other.readList()) ?? undefined);
    t.strictSame(kept, ours, what);
    await other.invalidateLists();
    const its = { total_orders: 1, orders: [{ ...ours.orders[0], status: 'its own' }] };
    await other.putList(its);
    t.strictSame(await all(), its, what);
    await app.cache.lists.invalidate();
    t.equal(await other.readList(), null, `${what}: a commit of ours ends both`);
  }
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
