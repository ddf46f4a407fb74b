/** Reads from a replica: what it is asked for, and what nobody sees while it is behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { openDatabase } from '../../db/client.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { observers } from '../../process/observer.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startOwnMysql } from '../helpers/mysql.ts';
import { administrate, followed } from '../helpers/mysql-replication.ts';
import { anAcceptedOrder, insertAccepted } from '../helpers/orders.ts';
import { openStores } from '../helpers/stores.ts';

/** Longer than a guard lasts, so that the marks alone tell that the replica is behind. */
const UNGUARDED_MS = 5_500;
const PATIENCE_MS = 60_000;
/** Much longer than a replica may keep a request waiting, much shorter than the primary may. */
const MOMENT_MS = 5_000;

const [source, server] = await Promise.all([startOwnMysql(t, followed(1)), startOwnMysql(t, followed(2))]);
const root = { user: 'orders', password: 'orders', multipleStatements: true };
const at = (env: NodeJS.ProcessEnv) =>
  administrate({ ...root, host: '127.0.0.1', port: Number(env.DB_PORT) });
const [primary, replica] = [await at(source.env), await at(server.env)];
t.teardown(() => Promise.all([primary.end(), replica.end()]));
const start = await primary.position();
await replica.follow(primary.port, start);
await replica.rows(`GRANT ALL ON ${source.database}.* TO ${server.account}`);
const env = await isolatedEnvironment({
  ...source.env,
  DB_READ_HOST: '127.0.0.1',
  DB_READ_PORT: server.env.DB_PORT,
});
const follows = async () => replica.caughtUp(await primary.position());
await follows();

const app = await startReadyApp(t, env);
const { database, cache } = app;
const { redis } = await openStores(t, env);
const readiness = async () => (await app.inject('/health/ready')).json();
const isAsked = (is: boolean) =>
  until(
    `the replica is ${is ? '' : 'not '}asked`,
    async () => (await readiness()).mysql_for_reads.ok === is,
    PATIENCE_MS,
  );
const mayBeAsked = (order: string) =>
  until('it is asked for orders', () => cache.orders.isUnchanged(order), PATIENCE_MS);
await isAsked(true);

const statusOf = async (id: string) => {
  const answer = await app.inject(`/orders/${id}`);
  return answer.statusCode === 200 ? answer.json().status : answer.statusCode;
};
const listed = async () => {
  const { orders } = (await app.inject('/orders?limit=100')).json();
  return orders.map(({ status }: { status: string }) => status).sort();
};
/** What a consumer does when it has committed. */
const told = async (...ids: string[]) => {
  await cache.orders.invalidateDetails(ids);
  await cache.lists.invalidate();
};
const insert = async (status: string): Promise<string> => {
  const accepted = anAcceptedOrder({ status });
  await insertAccepted(database.orm, [accepted]);
  await cache.lists.invalidate();
  return accepted.order.order_id;
};
const change = async (id: string, status: string) => {
  await primary.rows(`UPDATE ${source.database}.orders SET status = '${status}' WHERE id = '${id}'`);
  await told(id);
};
/** Changes the rows of the replica alone, so that it can be seen who answers. */
const markReplica = () =>
  replica.rows(`UPDATE ${source.database}.orders SET status = CONCAT(status, ' (replica)')`);
const unmarkReplica = () =>
  replica.rows(`UPDATE ${source.database}.orders SET status = REPLACE(status, ' (replica)', '')`);
const forgetCached = async () => {
  await cache.orders.removeAll();
  await cache.lists.invalidate();
};
const itAnswers = async (order: string) => {
  const asked = async () => {
    await markReplica();
    await forgetCached();
    const status = await statusOf(order);
    await unmarkReplica();
    return String(status).endsWith(' (replica)');
  };
  await until('it answers', asked, PATIENCE_MS);
};

const id = await insert('old');
await follows();

t.test('a replica that follows answers for orders and lists', async (t) => {
  // Guards are complete only since this Redis database is used.
  await itAnswers(id);
  await markReplica();
  await forgetCached();
  t.strictSame(await listed(), ['old (replica)']);
  const whole = (await app.inject('/orders')).json();
  t.match(whole, { total_orders: 1, orders: [{ status: 'old (replica)' }] });
  await unmarkReplica();
  await forgetCached();
});

t.test('one that stands still is not asked for what it cannot have', async (t) => {
  const fresh = await database.replica?.findOrder(id);
  t.ok(fresh && fresh.upTo > performance.now() - 5_000);
  await replica.rows('STOP SLAVE SQL_THREAD');
  t.teardown(() => replica.rows('START SLAVE SQL_THREAD'));
  const stopped = performance.now();
  await change(id, 'new');
  t.equal(await statusOf(id), 'new', 'the change is guarded');
  t.strictSame(await listed(), ['new']);
  const old = await database.replica?.findOrder(id);
  t.ok(old === undefined || old.upTo <= stopped, 'it says how old it is');
  const other = await insert('other');
  t.equal(await statusOf(other), 'other', 'it does not have the order');
  t.strictSame(await listed(), ['new', 'other']);
  t.equal((await app.inject(`/orders?limit=100&after=${other}`)).statusCode, 200);

  await sleep(UNGUARDED_MS);
  await cache.orders.removeAll();
  t.equal(await statusOf(id), 'new', 'it is too old');
  t.match(await readiness(), {
    status: 'degraded',
    mysql_for_reads: { ok: false, reason: 'It is too far behind.' },
  });

  // Whatever is removed without a guard.
  const password = { 'x-admin-password': env.ADMIN_PASSWORD };
  const reset = await app.inject({ method: 'POST', url: '/admin/reset', headers: password });
  t.equal(reset.statusCode, 200);
  t.equal(await statusOf(id), 404);
  t.strictSame(await listed(), []);
});

t.test('one that follows again is asked again', async (t) => {
  await follows();
  await isAsked(true);
  const next = await insert('next');
  t.equal(await statusOf(id), 404);
  await follows();
  await itAnswers(next);
  await forgetCached();
  await cache.orders.invalidateDetails([next]);
});

t.test('after a flush of Redis, or without Redis, it is not asked for orders', async (t) => {
  const [{ id: some }] = (await primary.rows(`SELECT id FROM ${source.database}.orders`)) as [{ id: string }];
  await mayBeAsked(some);
  await markReplica();
  await redis.flushdb();
  t.equal(await statusOf(some), 'next');
  await forgetCached();
  await unmarkReplica();
});

t.test('one that is frozen costs a moment', async (t) => {
  const [{ id: some }] = (await primary.rows(`SELECT id FROM ${source.database}.orders`)) as [{ id: string }];
  await mayBeAsked(some);
  await isAsked(true);
  await forgetCached();
  server.freeze();
  const frozenAt = performance.now();
  const [status, all] = await Promise.all([statusOf(some), listed()]);
  t.ok(performance.now() < frozenAt + MOMENT_MS);
  server.thaw();
  t.equal(status, 'next');
  t.strictSame(all, ['next']);
  await isAsked(true);
});

t.test('a server that is not a replica is asked for nothing', async (t) => {
  await replica.rows('CREATE DATABASE elsewhere');
  await replica.rows(`GRANT ALL ON elsewhere.* TO ${server.account}`);
  const { mysql, replica: address } = loadConfig(env);
  const reasons: string[] = [];
  const observer = observers(unobserved, { serverLost: ({ reason }) => reasons.push(reason) });
  const elsewhere = address && { ...address, database: 'elsewhere' };
  const opened = openDatabase(mysql, observer, { connections: 3, replica: elsewhere });
  t.teardown(() => opened.close());
  await until(
    'that is known',
    () => opened.replica?.problem() === 'It refuses what it is asked.',
    PATIENCE_MS,
  );
  t.match(reasons.join(), /elsewhere.read_marks' doesn't exist/);
  t.notOk(opened.replica?.isNear());
  t.equal(await opened.replica?.openReader(0, new AbortController().signal), undefined);
});

t.test('without marks it is not asked', async (t) => {
  await source.rows(`RENAME TABLE ${source.database}.read_marks TO ${source.database}.gone`);
  await isAsked(false);
  const some = await insert('unmarked');
  t.equal(await statusOf(some), 'unmarked');
  t.match((await readiness()).mysql_for_reads.reason, 'cannot be measured');
  await source.rows(`RENAME TABLE ${source.database}.gone TO ${source.database}.read_marks`);
  await isAsked(true);
});

t.test('one that is away is not missed', async (t) => {
  await replica.rows(`ALTER USER ${server.account} ACCOUNT LOCK`);
  await server.cut();
  const next = await insert('without');
  t.equal(await statusOf(next), 'without');
  t.ok((await listed()).includes('without'));
  await isAsked(false);
  t.match(await readiness(), { mysql_for_reads: { ok: false, reason: 'It refuses what it is asked.' } });
  await replica.rows(`ALTER USER ${server.account} ACCOUNT UNLOCK`);
  await isAsked(true);
});
