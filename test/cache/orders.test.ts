/** Cached answers of MySQL: after a commit no slow reader leaves an older answer behind. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { listBuilder } from '../../api/lists/build.ts';
import { orderLists, TOO_LARGE } from '../../api/lists/lists.ts';
import { orderReads } from '../../api/orders/reads.ts';
import { openCache } from '../../cache/cache.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../helpers/orders.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const { lists, orders } = app.cache;

// If Redis was away for a moment, as on a busy machine, cached orders are not believed for five seconds.
await until(
  'cached orders are believed',
  async () => {
    const id = randomUUID();
    await orders.putDetail(id, Buffer.from('x'));
    return (await app.cache.read(id)).cached !== null;
  },
  60_000,
);

/** What a consumer does to a row, and to the cache after the commit. */
const commit = async (id: string, status: string) => {
  await stores.rows('UPDATE orders SET status = ? WHERE id = ?', [status, id]);
  await Promise.all([orders.invalidateDetails([id]), lists.invalidate()]);
};

t.test('an answer is kept until it is invalidated', async (t) => {
  const id = randomUUID();
  t.equal((await app.cache.read(id)).cached, null);
  await orders.putDetail(id, Buffer.from('first'));
  await orders.putDetail(id, Buffer.from('second'));
  t.equal(String((await app.cache.read(id)).cached), 'first');
  const ttl = await stores.redis.ttl(`orders:detail:${id}`);
  t.ok(ttl >= 26 && ttl <= 33, `for ${ttl} s`);
  await orders.invalidateDetails([id]);
  t.equal((await app.cache.read(id)).cached, null);
});

t.test('an answer from before a commit is not stored after it, and later ones are again', async (t) => {
  const id = randomUUID();
  for (let commits = 0; commits < 2; commits++) await orders.invalidateDetails([id]);
  await orders.putDetail(id, Buffer.from('old'));
  t.equal((await app.cache.read(id)).cached, null);
  const guard = `orders:guard:{orders:detail:${id}}`;
  const ttl = await stores.redis.pttl(guard);
  t.ok(ttl > 2_500 && ttl <= 5_000, `the guard stands for ${ttl} ms`);
  t.equal(await stores.redis.exists(`orders:detail:${id}`), 0, 'and nothing where another service reads');
  await stores.redis.pexpire(guard, 1);
  await until('the guard is gone', async () => (await stores.redis.exists(guard)) === 0);
  await orders.putDetail(id, Buffer.from('new'));
  t.equal(String((await app.cache.read(id)).cached), 'new');
});

t.test('an answer of before a reset is not left behind', async (t) => {
  const id = randomUUID();
  const before = orders.lastReset();
  await stores.redis.set('orders:reset', '1');
  await orders.putDetail(id, Buffer.from('old'), before);
  t.equal(await stores.redis.exists(`orders:detail:${id}`), 0);
  await stores.redis.del('orders:reset');
});

t.test(
  'an answer that another service stored is removed by a commit, and what was a guard once is none',
  async (t) => {
    const id = randomUUID();
    await stores.redis.set(`orders:detail:${id}`, '{"order_id": "x"}', 'EX', 30);
    t.equal(String((await app.cache.read(id)).cached), '{"order_id": "x"}');
    await orders.invalidateDetails([id]);
    t.equal(await stores.redis.exists(`orders:detail:${id}`), 0);
    await stores.redis.set(`orders:detail:${id}`, '', 'EX', 5);
    t.equal((await app.cache.read(id)).cached, null);
  },
);

t.test('a reader that asks MySQL before a commit and stores after it', async (t) => {
  const id = randomUUID();
  await insertAccepted(app.database.orm, [anAcceptedOrder({ order_id: id, status: 'old' })]);
  let commitIsDone: () => void = () => {};
  const committed = new Promise<void>((resolve) => {
    commitIsDone = resolve;
  });
  const stored: Promise<unknown>[] = [];
  const slowOrders = {
    ...orders,
    putDetail: (...detail: Parameters<typeof orders.putDetail>) => {
      stored.push(committed.then(() => orders.putDetail(...detail)));
      return Promise.resolve();
    },
  };
  const slowLists = {
    ...lists,
    put: (...list: Parameters<typeof lists.put>) => {
      stored.push(committed.then(() => lists.put(...list)));
      return Promise.resolve();
    },
  };
  const reads = orderReads(
    {
      database: app.database,
      cache: { ...app.cache, orders: slowOrders },
      clock: app.clock,
      observer: app.observer,
    },
    60_000,
  );
  t.match(JSON.parse(String(await reads.one(id))), { status: 'old' });
  const all = orderLists(listBuilder(app.database, 1), slowLists, loadConfig(env).lists, app.observer);
  const listed = async () => {
    const found = await all.find({});
    return found && found !== TOO_LARGE ? JSON.parse(String(found.body)) : undefined;
  };
  t.match(await listed(), { orders: [{ status: 'old' }] });

  await commit(id, 'new');
  commitIsDone();
  await Promise.all(stored);
  t.equal(stored.length, 2, 'both were stored late');
  t.equal((await app.inject(`/orders/${id}`)).json().status, 'new');
  t.equal((await app.inject('/orders')).json().orders[0].status, 'new');
  t.equal((await listed()).orders[0].status, 'new', 'also for whoever has read the old state');
});

t.test('CACHE_DISABLED: every question is a miss and nothing is stored', async (t) => {
  const before = await stores.redis.dbsize();
  const cache = openCache(loadConfig({ ...env, CACHE_DISABLED: 'true' }), unobserved);
  t.teardown(() => cache.close());
  t.equal(cache.enabled, false);
  const id = randomUUID();
  await cache.orders.putDetail(id, Buffer.from('x'));
  await cache.lists.put('0', '', Buffer.from('x'), 1_000);
  await cache.orders.invalidateDetails([id]);
  await cache.lists.invalidate();
  await cache.pending.showStatus(id, 1, 'x');
  t.equal((await cache.read(id)).cached, null);
  t.equal(await cache.lists.version(), null);
  t.equal(await cache.lists.find('0', ''), null);
  t.equal(await cache.pending.reserve(id), null);
  t.equal(await cache.pending.find(id), undefined);
  t.equal(await cache.time(), null);
  t.strictSame(await cache.idempotency.claim({ record: 'k', fingerprint: 'f', token: 't' }), {
    kind: 'new',
    version: undefined,
  });
  await cache.removeUpTo(1);
  await t.resolves(cache.ping());
  t.equal(await stores.redis.dbsize(), before);
});
