/**
 * A failover that leaves connections open: the server behind them turns read-only, and another one has its name from
 * then on, with newer rows.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { listBuilder } from '../../api/lists/build.ts';
import { type Database, openDatabase } from '../../db/client.ts';
import { reasonOf } from '../../db/errors.ts';
import { migrateDatabase } from '../../db/migrate.ts';
import { findOrder } from '../../db/orders.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import type { Observer } from '../../process/observer.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';
import { startProxy } from '../faults/engine/proxy.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startOwnMysql } from '../helpers/mysql.ts';
import { anAcceptedOrder, insertAccepted } from '../helpers/orders.ts';
import { openStores } from '../helpers/stores.ts';

const [before, after] = await Promise.all([startOwnMysql(t), startOwnMysql(t)]);
const proxy = await startProxy(Number(before.env.DB_PORT));
t.teardown(() => proxy.close());
const env = await isolatedEnvironment({ ...before.env, DB_PORT: String(proxy.port) });
const { mysql } = loadConfig(env);
const inAfter = { ...mysql, port: Number(after.env.DB_PORT) };
await after.rows(`GRANT ALL ON ${mysql.database}.* TO ${after.account}`);
await migrateDatabase(inAfter, { waitMs: 10_000 });

const open = (t: Teardown, config: typeof mysql, observer: Observer = unobserved) => {
  const database = openDatabase(config, observer, { connections: 4 });
  t.teardown(() => database.close());
  return database;
};
const accepted = anAcceptedOrder({ status: 'old' });
const { order } = accepted;
const onlyAfter = anAcceptedOrder();
await insertAccepted(open(t, mysql).orm, [accepted]);
await insertAccepted(open(t, inAfter).orm, [{ ...accepted, order: { ...order, status: 'new' } }, onlyAfter]);

const statusOf = async ({ orm, latest }: Database, id = order.order_id) => {
  const { value, isReadOnly } = await latest(() => findOrder(orm, id));
  return { status: value?.status, isReadOnly };
};
const move = async (t: Teardown) => {
  await before.rows('SET GLOBAL read_only = 1');
  proxy.leadTo(inAfter.port);
  t.teardown(async () => {
    proxy.leadTo(Number(before.env.DB_PORT));
    await before.rows('SET GLOBAL read_only = 0');
  });
};

t.test('who reads leaves the old one with the first answer', async (t) => {
  const database = open(t, mysql);
  // As many connections as there may be, so that some are idle when the first one is left.
  const all = await Promise.all(Array.from({ length: 4 }, () => statusOf(database)));
  t.ok(all.every(({ status, isReadOnly }) => status === 'old' && !isReadOnly));
  await move(t);
  t.strictSame(await statusOf(database, onlyAfter.order.order_id), {
    status: onlyAfter.order.status,
    isReadOnly: false,
  });
  const others = await Promise.all(Array.from({ length: 4 }, () => statusOf(database)));
  t.ok(others.every(({ status }) => status === 'new'));
});

t.test('a list is read anew too', async (t) => {
  const database = open(t, mysql);
  const { build } = listBuilder(database, 1);
  const page = { limit: 10, count: true, after: undefined };
  const { signal } = new AbortController();
  const list = async () => {
    const { value, isReadOnly } = await build(page, signal, () => {}, performance.now());
    return { ...JSON.parse(Buffer.concat(value?.chunks ?? []).toString()), isReadOnly };
  };
  t.match(await list(), { total_orders: 1, isReadOnly: false });
  await move(t);
  t.match(await list(), { total_orders: 2, isReadOnly: false });

  const other = open(t, { ...mysql, port: proxy.port });
  proxy.leadTo(Number(before.env.DB_PORT));
  await other.ping();
  proxy.leadTo(inAfter.port);
  const stream = async () => {
    const streamed = await listBuilder(other, 1).stream(page, signal);
    const chunks: Buffer[] = [];
    for await (const chunk of streamed?.chunks ?? []) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString());
  };
  await until('a streamed list is the new one', async () => (await stream()).total_orders === 2, 15_000);
});

t.test('who only waits or reads over a connection of his own leaves it within seconds', async (t) => {
  const database = open(t, mysql);
  let isOpen = false;
  const left = database
    .alone(async (alone) => {
      isOpen = true;
      for (const end = performance.now() + 30_000; performance.now() < end; await sleep(100))
        await alone.execute('SELECT 1');
      return 'it is never left';
    })
    .catch(reasonOf);
  await until('it is open', () => isOpen);
  await move(t);
  // Whether it was waiting for an answer just then is chance.
  t.match(await left, /read-only|closed/);
  await t.resolves(
    database.alone(async () => {}),
    'the next one is to the other server',
  );
});

t.test('a migration goes on at the other one', async (t) => {
  await after.rows(`DROP INDEX orders_status ON ${mysql.database}.orders`);
  await before.rows(`DROP INDEX orders_status ON ${mysql.database}.orders`);
  await before.rows('SET GLOBAL read_only = 1');
  const said: string[] = [];
  const migrated = migrateDatabase(mysql, { waitMs: 60_000, say: (line) => said.push(line) });
  await until('it waits', () => said.some((line) => line.includes('takes no writes')));
  await move(t);
  await migrated;
  t.match(await after.rows(`SHOW INDEX FROM ${mysql.database}.orders WHERE key_name = 'orders_status'`), [
    {},
  ]);
});

t.test('where there is no other one, reads are answered, and nothing of it is kept', async (t) => {
  const told: string[] = [];
  const database = open(t, mysql, {
    ...unobserved,
    databaseRefusesWrites: () => told.push('refuses'),
    databaseTakesWrites: () => told.push('takes'),
  });
  const app = await startReadyApp(t, env);
  const stores = await openStores(t, { ...env, DB_USER: 'orders', DB_PASS: 'orders' });
  await before.rows('SET GLOBAL read_only = 1');
  t.strictSame(await statusOf(database), { status: 'old', isReadOnly: true });
  await until('it is said', () => told.includes('refuses'));
  const path = `/orders/${order.order_id}`;
  t.equal((await app.inject(path)).statusCode, 200);
  t.equal((await app.inject('/orders?limit=1')).statusCode, 200);
  t.strictSame(await stores.redis.keys('orders:detail:*'), []);
  t.strictSame(await stores.redis.keys('orders:list:*:*'), []);
  const refused = await app.inject({
    method: 'POST',
    url: '/admin/reset',
    headers: { 'x-admin-password': env.ADMIN_PASSWORD },
  });
  t.equal(refused.statusCode, 503, 'a reset has not begun');
  await before.rows('SET GLOBAL read_only = 0');
  t.strictSame(await statusOf(database), { status: 'old', isReadOnly: false });
  t.equal((await app.inject(path)).statusCode, 200);
  await until('it is kept', async () => (await stores.redis.keys('orders:detail:*')).length === 1);
});
