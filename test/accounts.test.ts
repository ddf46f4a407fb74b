/** The whole service with exactly the grants that docs/ACCOUNTS.md has. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { connectionOptions } from '../db/client.ts';
import { migrateDatabase } from '../db/migrate.ts';
import { freePort } from '../ops/ports.ts';
import { startRedis, stopServer } from '../ops/private-servers.ts';
import { loadConfig } from '../process/config.ts';
import { unobserved } from '../process/log-events.ts';
import { openBroker } from '../queue/broker.ts';
import { openEventPublisher } from '../queue/events.ts';
import { erlang, evaluate } from '../testbed/rabbitmqctl.ts';
import { scratchFolder } from '../testbed/scratch.ts';
import { until } from '../testbed/until.ts';
import { earlierStatements } from './db/earlier-versions.ts';
import { isolatedEnvironment } from './helpers/environment.ts';
import { aclWords, grantLines } from './helpers/grants.ts';
import { startProcess, startService } from './helpers/processes.ts';
import { untilDeclared } from './helpers/queues.ts';
import { openSource } from './helpers/sse.ts';
import { openStores } from './helpers/stores.ts';

const LONG_MS = 60_000;
const PASSWORD = 'pw';
const folder = scratchFolder(t, stopServer);
const redisPort = await freePort();
await startRedis({ folder, port: redisPort });
const redis = new Redis({ port: redisPort });
t.teardown(() => redis.disconnect());
const port = await freePort();
const administrator = await isolatedEnvironment({
  PORT: String(port),
  REDIS_URL: `redis://127.0.0.1:${redisPort}/0`,
  MAX_ATTEMPTS: '2',
});
const { DB_NAME: database = '', RABBITMQ_QUEUE_NAME: queue = '' } = administrator;
const stores = await openStores(t, administrator);
const user = `limited_${randomUUID().slice(0, 8)}`;
const migration = `migration_${randomUUID().slice(0, 8)}`;

/** Runs the SQL of the docs with other names. */
const grant = async (account: string, name: string, on: string) => {
  const statements = [...grantLines(`CREATE USER '${account}'@`), ...grantLines('GRANT')].filter((line) =>
    line.includes(`'${account}'@`),
  );
  if (statements.length !== 2) throw new Error(`The docs have no grants for ${account}.`);
  for (const statement of statements)
    await stores.rows(
      statement
        .replace(`'${account}'@`, `'${name}'@`)
        .replace("'…'", `'${PASSWORD}'`)
        .replace('`orders`', `\`${on}\``),
    );
};

const acl = aclWords(PASSWORD);
await redis.call('ACL', ...acl);
const granted = acl.flatMap((word) => (word.startsWith('+') ? (word.slice(1).split('|')[0] ?? []) : []));

/** Declares what there has to be, with the account of the administrator. */
const config = loadConfig(administrator).rabbitmq;
const broker = await openBroker(config, unobserved);
const publisher = await openEventPublisher(config, unobserved);
await untilDeclared(administrator);
const event = { id: '1', type: 'order.created', at: 0, body: () => Buffer.from('{}') };
await until(
  'the exchange is there',
  async () => (await publisher.publish([event])).confirmed.length > 0,
  LONG_MS,
);
await Promise.all([broker.close(), publisher.close()]);

const brokerFolder = process.env.TEST_RABBITMQ_FOLDER ?? '';
/** What the account may do without any right to configure, and with some. */
const [few = [], more = []] = grantLines('rabbitmqctl set_permissions').map((line) =>
  line
    .replaceAll("'", '')
    .replaceAll('order_write_jobs', queue)
    .replace('order_events', administrator.RABBITMQ_EVENTS_EXCHANGE ?? '')
    .split(' ')
    .slice(5),
);
const permit = (permissions: string[]) => evaluate(brokerFolder, erlang.setPermissions(user, permissions));
await evaluate(brokerFolder, erlang.addUser(user, PASSWORD));
await permit(few);
await grant('orders', user, database);

/** All secrets are in files. */
const secrets = ['DB_PASS', 'REDIS_PASSWORD', 'RABBITMQ_PASSWORD', 'ADMIN_PASSWORD'];
const secretFolder = t.testdir();
const setSecrets = (value: string) => {
  for (const name of secrets) writeFileSync(join(secretFolder, name), `${value}\n`);
};
setSecrets(PASSWORD);
const env: NodeJS.ProcessEnv = {
  ...administrator,
  DB_USER: user,
  REDIS_USERNAME: 'orders',
  RABBITMQ_USER: user,
};
for (const name of secrets) {
  delete env[name];
  env[`${name}_FILE`] = join(secretFolder, name);
}

t.test('an account for migrations brings any earlier schema up to date', async (t) => {
  const earlier = `${database}_earlier`;
  await stores.rows(`CREATE DATABASE ${earlier}`);
  const connection = await createConnection({
    ...connectionOptions(loadConfig(administrator).mysql),
    database: earlier,
  });
  for (const statement of earlierStatements) await connection.query(statement);
  await connection.end();
  const limited = `${user}_earlier`;
  await grant('orders', limited, earlier);
  const refused = promisify(execFile)(process.execPath, ['dist/ops/migrate.js'], {
    env: { ...administrator, DB_NAME: earlier, DB_USER: limited, DB_PASS: PASSWORD },
  });
  await t.rejects(refused, {
    code: 1,
    stderr:
      /^The migration failed: (CREATE|ALTER|INDEX) command denied .* Run npm run migrate with an account that may do this, see docs\/ACCOUNTS\.md\.\n$/,
  });
  await grant('orders_migration', migration, earlier);
  const its = { ...administrator, DB_NAME: earlier, DB_USER: migration, DB_PASS: PASSWORD };
  await migrateDatabase(loadConfig(its).mysql, { waitMs: 0 });
  const said: string[] = [];
  await migrateDatabase(loadConfig(its).mysql, { waitMs: 0, isCheck: true, say: (line) => said.push(line) });
  t.strictSame(said, []);
});

t.test('everything that the service does', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['dist/ops/migrate.js'], { env });
  t.match(stdout, /is up to date/, 'where the schema is current, a migration only reads');

  const { api, consumers } = await startService(t, env);
  const hub = startProcess(t, 'hub', env);
  const url = `http://127.0.0.1:${port}`;
  await until('all is ready', async () => (await fetch(`${url}/health/ready`)).status === 200, LONG_MS);
  const password = { 'x-admin-password': PASSWORD };
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text && JSON.parse(text) };
  };
  const expect = async (status: number, ...asked: Parameters<typeof call>) => {
    const answer = await call(...asked);
    t.equal(answer.status, status, `${asked[0]} ${asked[1]} ${JSON.stringify(answer.body).slice(0, 200)}`);
    return answer.body;
  };
  const order = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
  const wait = { prefer: 'wait=30' };

  const all = await openSource(t, `${url}/events`);
  const { order_id: id, job_id } = await expect(202, 'POST', '/orders', order, { 'idempotency-key': 'one' });
  t.equal((await expect(202, 'POST', '/orders', order, { 'idempotency-key': 'one' })).job_id, job_id);
  await all.hears('that it is applied', ({ data }) => data.job_id === job_id && data.status === 'succeeded');
  const resumed = await openSource(t, `${url}/events`, all.lastId());
  await expect(200, 'GET', `/orders/${id}`);
  t.equal(
    (await expect(200, 'PATCH', `/orders/${id}/status`, { status: 'shipped' }, wait)).status,
    'shipped',
  );
  await expect(200, 'GET', `/orders/${id}`);
  await resumed.hears('that it is shipped', ({ data }) => data.order_id === id);
  await expect(201, 'POST', '/orders', order, wait);
  await expect(202, 'POST', '/orders/batch', [order, order]);
  for (const query of ['', '?limit=1', '?status=shipped&count=true', '?customer_name=a'])
    t.ok((await expect(200, 'GET', `/orders${query}`)).orders.length > 0, query);
  await expect(204, 'DELETE', `/orders/${id}`, undefined, wait);
  await expect(404, 'GET', `/orders/${id}`);
  const isNowhere = async () => (await call('GET', `/orders/${randomUUID()}`)).status === 404;
  await until('it is known that consumers hold nothing', isNowhere, LONG_MS);

  const lost = await expect(202, 'PATCH', `/orders/${randomUUID()}/status`, { status: 'x' });
  const story = await openSource(t, `${url}/jobs/${lost.job_id}/events`);
  await story.hears('that it is dead', ({ data }) => data.status === 'dead');
  const letters = async () =>
    (await expect(200, 'GET', '/admin/dead-letters', undefined, password)).dead_letters.length;
  await until('it is a dead letter', async () => (await letters()) === 1, LONG_MS);
  await expect(200, 'POST', '/admin/dead-letters/replay', { job_ids: [lost.job_id] }, password);
  await until('it is one again', async () => (await letters()) === 1, LONG_MS);
  await expect(200, 'POST', '/admin/dead-letters/discard', {}, password);

  await until(
    'the hub has passed on what became of it',
    async () => (await call('GET', `/orders/${id}/history`)).body.entries?.length === 3,
    LONG_MS,
  );
  await expect(200, 'GET', `/jobs/${job_id}`);
  for (const state of ['queued', 'succeeded', 'dead']) await expect(200, 'GET', `/jobs?state=${state}`);
  await expect(201, 'POST', '/admin/seed', { count: 50 }, password);
  await expect(200, 'POST', '/admin/reset', undefined, password);
  t.equal((await expect(200, 'GET', '/orders')).total_orders, 0);
  t.strictSame((await expect(200, 'GET', '/health/ready')).status, 'ready');

  t.strictSame(await redis.call('ACL', 'LOG'), [], 'Redis has refused nothing');
  const stats = await redis.info('commandstats');
  const used = new Set([...stats.matchAll(/^cmdstat_([a-z]+)/gm)].map(([, name]) => name));
  t.strictSame(
    granted.filter((name) => !used.has(name)),
    [],
    'it is granted nothing that is not used',
  );
  const said = [api, hub, ...consumers].map((one) => one.output()).join('');
  t.notMatch(said, /"level":[56]0|denied|NOPERM|refuses/);
  t.notMatch(said, 'cannot be declared');

  await permit(more);
  const changed = 'changed';
  await stores.rows(`ALTER USER '${user}'@'%' IDENTIFIED BY '${changed}'`);
  await redis.call('ACL', 'SETUSER', 'orders', 'resetpass', `>${changed}`);
  await evaluate(brokerFolder, erlang.changePassword(user, changed));
  setSecrets(changed);
  await evaluate(brokerFolder, erlang.closeUserConnections(user, 'the password was changed'));
  await redis.client('KILL', 'USER', 'orders');
  for (const { id } of await stores.rows(
    `SELECT id FROM information_schema.processlist WHERE user = '${user}'`,
  ))
    await stores.rows(`KILL ${id}`).catch(() => {});
  const isCreated = async () => (await call('POST', '/orders', order, wait)).status === 201;
  await until('writes are applied again', isCreated, LONG_MS);
  const after = await expect(202, 'POST', '/orders', order);
  const isPassedOn = async () =>
    (await call('GET', `/orders/${after.order_id}/history`)).body.entries?.length === 1;
  await until('the hub goes on', isPassedOn, LONG_MS);
  const isReady = async () => (await call('GET', '/health/ready')).body.status === 'ready';
  await until('all is ready again', isReady, LONG_MS);
  await expect(201, 'POST', '/admin/seed', { count: 1 }, { 'x-admin-password': changed });
  await expect(401, 'POST', '/admin/seed', { count: 1 }, password);
  const asking = await openBroker(loadConfig(env).rabbitmq, unobserved);
  t.teardown(() => asking.close());
  const areDone = () => asking.isAllDone().catch(() => false);
  await until('consumers say that they hold nothing', areDone, LONG_MS);
});
