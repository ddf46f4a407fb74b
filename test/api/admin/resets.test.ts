/** A reset has one moment: what came before is gone everywhere, what came after is kept everywhere. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { lastVersionOf } from '../../../domain/versions.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../../helpers/orders.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment({ ORDERS_CACHE_TTL: '600' });
const stores = await openStores(t, env);
const apps = [await startReadyApp(t, env), await startReadyApp(t, env)] as const;
const [app] = apps;
const consumer = startProcess(t, 'consumer', env);
await consumer.says('consuming');

type App = typeof app;
const password = { 'x-admin-password': 'sesame' };
const reset = (to: App = app) => to.inject({ method: 'POST', url: '/admin/reset', headers: password });
const items = [{ name: 'Tea', quantity: 1 }];
const post = async (to: App = app, headers = {}) => {
  const payload = { customer_name: 'Ada', items };
  const answer = await to.inject({ method: 'POST', url: '/orders', payload, headers });
  t.equal(answer.statusCode, 202);
  return { id: String(answer.json().order_id), replayed: 'idempotency-replayed' in answer.headers };
};
const get = (id: string, to: App = app) => to.inject(`/orders/${id}`);
const isComplete = async () => (await stores.rows('SELECT complete FROM last_reset'))[0]?.complete === 1;
const storedIds = async () => new Set((await stores.rows('SELECT id FROM orders')).map(({ id }) => id));

t.test('under load from two processes, reset by both again and again', async (t) => {
  const gone: string[] = [];
  const between: string[] = [];
  const kept: string[] = [];
  let phase = gone;
  let running = true;
  const client = async (to: App) => {
    while (running) {
      const began = phase;
      const { id } = await post(to);
      (began === phase ? phase : between).push(id);
    }
  };
  const clients = [...apps, ...apps].map(client);
  for (const to of [...apps, ...apps]) {
    await until('some are accepted', () => gone.length > 50);
    phase = between;
    t.equal((await reset(to)).statusCode, 200);
    if (to === apps[1]) continue;
    phase = gone;
  }
  // What was accepted between two resets is gone by the second one; what came after the last one stays.
  phase = between;
  t.strictSame(
    (await Promise.all([reset(apps[0]), reset(apps[1])])).map(({ statusCode }) => statusCode),
    [200, 200],
  );
  phase = kept;
  await until('some are accepted after the last one', () => kept.length > 50);
  running = false;
  await Promise.all(clients);
  await until('all are applied', async () => {
    const stored = await storedIds();
    return kept.every((id) => stored.has(id)) && (await stores.waiting()) === 0;
  });
  const stored = await storedIds();
  t.strictSame(
    gone.filter((id) => stored.has(id)),
    [],
    'what came before is not in MySQL',
  );
  for (const to of apps)
    for (const id of [...gone, ...between, ...kept])
      await until(
        `${id} is shown as it is stored`,
        async () => (await get(id, to)).statusCode === (stored.has(id) ? 200 : 404),
      );
  const [count] = await stores.rows('SELECT SUM(orders) AS n FROM order_counts');
  t.equal(Number(count?.n), stored.size, 'and the count is right');
  t.equal((await app.inject('/orders?limit=1')).json().total_orders, stored.size);
  t.equal(await stores.waiting(`${stores.queue}.dead`), 0);
});

t.test('begun and killed: gone at once for whoever applies jobs, and completed by the service', async (t) => {
  const own = await isolatedEnvironment();
  const there = await openStores(t, own);
  const worker = startProcess(t, 'consumer', own);
  const first = await startReadyApp(t, own);
  const [patched, replaced, removed] = Array.from({ length: 3 }, () =>
    anAcceptedOrder({ items }, Date.now() - 5_000),
  );
  if (!patched || !replaced || !removed) return t.fail('there are three');
  await insertAccepted(first.database.orm, [patched, replaced, removed]);
  const gone = anAcceptedOrder({}, Date.now() - 5_000).order;
  await there.rows(
    'INSERT INTO deleted_orders (id, deleted_at) VALUES (?, UTC_TIMESTAMP(3) - INTERVAL 5 SECOND)',
    [gone.order_id],
  );
  await first.close();
  // As a process leaves it that is killed after it has begun.
  const moment = Date.now() - 2_000;
  await there.rows('UPDATE last_reset SET at = ?, complete = false', [new Date(moment)]);
  const job = (type: string, payload: object) => ({
    job_id: randomUUID(),
    type,
    payload,
    version: Date.now() * 1_000,
  });
  for (const order of [replaced.order, gone]) {
    await there.publish(job('create_order', { ...order, customer_name: 'Bob' }));
    await until(
      'it is created anew',
      async () => (await there.order(order.order_id))?.customer_name === 'Bob',
    );
    t.strictSame((await there.order(order.order_id))?.items, order.items, 'with its own items only');
  }
  await there.publish(job('update_order_status', { order_id: patched.order.order_id, status: 'packed' }));
  await worker.says('"reason":"order_not_found"');
  await there.publish(job('delete_order', { order_id: gone.order_id }));
  await until(
    'what was deleted before can be deleted again',
    async () => !(await there.order(gone.order_id)),
  );
  const before = job('create_order', { ...anAcceptedOrder().order });
  await there.publish({ ...before, version: lastVersionOf(moment) });
  await worker.says('jobs that were accepted before the last reset are void');

  const second = await startReadyApp(t, own);
  await until(
    'it is completed',
    async () => (await there.rows('SELECT complete FROM last_reset'))[0]?.complete === 1,
  );
  t.strictSame(
    (await there.rows('SELECT id FROM orders')).map(({ id }) => id),
    [replaced.order.order_id],
  );
  const [{ at } = { at: new Date() }] = await there.rows('SELECT at FROM last_reset');
  t.equal(at.getTime(), moment, 'with the same moment');
  t.equal((await second.inject('/orders?limit=1')).json().total_orders, 1);
});

t.test('MySQL fails in the middle: 503, gone all the same, and completed once it can be', async (t) => {
  const { id } = await post();
  await until('it is applied', () => stores.order(id));
  await get(id);
  await stores.rows("CREATE TRIGGER no_delete BEFORE DELETE ON orders FOR EACH ROW SIGNAL SQLSTATE '45000'");
  const answer = await reset();
  t.equal(answer.statusCode, 503);
  t.match(answer.json().error, /completed without another request/);
  t.equal(answer.headers['retry-after'], '1');
  const after = await post();
  await until('what comes after it is applied', () => stores.order(after.id));
  t.notOk(await isComplete());
  await stores.rows('DROP TRIGGER no_delete');
  await until('it is completed', isComplete);
  t.equal((await get(id)).statusCode, 404);
  t.equal(await stores.order(id), undefined);
  t.equal((await get(after.id)).statusCode, 200);
  t.ok(await stores.order(after.id));
});

t.test('a key that was used before is not replayed after', async (t) => {
  const headers = { 'idempotency-key': randomUUID() };
  const { id } = await post(app, headers);
  t.ok((await post(app, headers)).replayed);
  await reset();
  t.equal((await get(id)).statusCode, 404);
  const again = await post(app, headers);
  t.notOk(again.replayed);
  t.equal((await get(again.id)).statusCode, 200);
  await until('it is applied', () => stores.order(again.id));
  t.ok((await post(app, headers)).replayed);
});

t.test('a reader that asks MySQL before and stores after leaves nothing behind', async (t) => {
  for (const to of apps) {
    const id = randomUUID();
    const before = to.cache.orders.lastReset();
    await reset();
    await to.cache.orders.putDetail(id, Buffer.from('old'), before);
    t.equal(await to.cache.orders.findDetail(id), null);
    await until(
      'it has heard of the reset',
      async () => to.cache.orders.lastReset() === (await stores.redis.get('orders:reset')),
    );
    const later = randomUUID();
    await to.cache.orders.putDetail(later, Buffer.from('new'));
    t.equal(String(await to.cache.orders.findDetail(later)), 'new');
  }
});

t.test('a job without a version that is between two tries does not come back', async (t) => {
  const { order } = anAcceptedOrder();
  const create = { job_id: randomUUID(), type: 'create_order', payload: order };
  const update = {
    job_id: randomUUID(),
    type: 'update_order_status',
    payload: { order_id: order.order_id, status: 'from before' },
  };
  await stores.publish(update);
  await consumer.says(`"job_id":"${update.job_id}"`);
  t.equal((await reset()).statusCode, 200);
  await stores.publish(create);
  await until('it is back and done', () =>
    consumer
      .output()
      .split('\n')
      .some((line) => line.includes(update.job_id) && line.includes('"outcome":"void"')),
  );
  t.equal((await stores.order(order.order_id))?.status, 'received');
});

t.test('a seed that fails midway has made what it says, and the list shows it', async (t) => {
  await reset();
  t.equal((await app.inject('/orders?limit=1')).json().total_orders, 0);
  await stores.rows(
    "CREATE TRIGGER enough BEFORE INSERT ON orders FOR EACH ROW BEGIN IF (SELECT SUM(orders) FROM order_counts) >= 1000 THEN SIGNAL SQLSTATE '45000'; END IF; END",
  );
  const payload = { count: 3_000 };
  const answer = await app.inject({ method: 'POST', url: '/admin/seed', headers: password, payload });
  await stores.rows('DROP TRIGGER enough');
  t.equal(answer.statusCode, 500);
  t.strictSame(answer.json(), {
    error: 'Only 1000 of 3000 fake orders were seeded.',
    code: 'seed_incomplete',
  });
  for (const to of apps) t.equal((await to.inject('/orders?limit=1')).json().total_orders, 1_000);
});
