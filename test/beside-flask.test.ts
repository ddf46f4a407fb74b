/**
 * The Flask service and this one at once, on the same database, Redis and queue: as on the day of the change, and on the
 * way back. It needs Debian's python3-flask, python3-flask-sqlalchemy, python3-pika, python3-redis and python3-pymysql,
 * and says so where they are missing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createConnection } from 'mysql2/promise';
import t, { type Test } from 'tap';
import { connectionOptions } from '../db/client.ts';
import { migrateDatabase } from '../db/migrate.ts';
import { freePort } from '../ops/ports.ts';
import { loadConfig } from '../process/config.ts';
import { withoutTap } from '../testbed/spawn.ts';
import { until } from '../testbed/until.ts';
import { check, noViolations } from './faults/engine/checker.ts';
import { startLoad } from './faults/engine/load.ts';
import { createRandom } from './faults/engine/random.ts';
import { readOrders } from './faults/engine/stores.ts';
import { isolatedEnvironment } from './helpers/environment.ts';
import { startProcess, startService } from './helpers/processes.ts';
import { openStores } from './helpers/stores.ts';

const PYTHON = '/usr/bin/python3';
const program = fileURLToPath(new URL('./helpers/flask_orders.py', import.meta.url));
const migration = fileURLToPath(new URL('../dist/ops/migrate.js', import.meta.url));
const KILLS = 10;
/** About what a migration takes, most of it Node's start. */
const MIGRATION_MS = 1_000;
const { status } = spawnSync(PYTHON, ['-c', 'import flask, flask_sqlalchemy, pika, redis, pymysql']);
const skip = status === 0 ? false : 'the Debian packages of the Flask service are not installed';

const content = {
  customer_name: 'Zoë',
  items: [
    { name: 'Tee', quantity: 2 },
    { name: 'Brot', quantity: 1 },
  ],
};

/** A database that the Flask service makes its tables in, its API and one worker. */
const install = async (t: Test) => {
  const [flaskPort, port] = [await freePort(), await freePort()];
  const env = await isolatedEnvironment({ PORT: String(port) });
  env.DB_NAME = `flask_${randomUUID().slice(0, 8)}`;
  const admin = await createConnection(connectionOptions({ ...loadConfig(env).mysql, database: 'mysql' }));
  await admin.query(`CREATE DATABASE ${env.DB_NAME}`);
  await admin.end();
  const start = (...args: string[]) => {
    let output = '';
    const server = `${env.DB_USER}:${env.DB_PASS}@127.0.0.1:${env.DB_PORT}`;
    const child = spawn(...withoutTap(PYTHON, program, ...args), {
      env: { ...env, MYSQL_URL: `mysql+pymysql://${server}/${env.DB_NAME}?charset=utf8mb4` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        output += bytes;
      });
    t.teardown(() => child.kill('SIGKILL'));
    return { child, output: () => output };
  };
  // It declares the queue and makes the tables.
  const worker = start('worker');
  await until('the Flask worker consumes', () => worker.output().includes('consuming'), 60_000);
  const server = start('api', String(flaskPort));
  await until('the Flask service serves', () => server.output().includes('Running on'), 60_000);
  const stores = await openStores(t, env);
  return { env, flaskPort, port, worker, stores };
};

t.test('both read and apply what the other one writes', { skip }, async (t) => {
  const { env, flaskPort, port, worker, stores } = await install(t);
  const ask = async (at: number, method: string, path: string, body?: object) => {
    const response = await fetch(`http://127.0.0.1:${at}${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: JSON.parse(text.startsWith('{') ? text : `{"error":${JSON.stringify(text)}}`),
    };
  };
  const both = { flask: flaskPort, orders: port };
  const create = async (at: number): Promise<string> =>
    (await ask(at, 'POST', '/orders', content)).body.order_id;
  const isApplied = (id: string, status: string) =>
    until(`${id} is ${status}`, async () => (await stores.order(id))?.status === status);

  const old = await create(flaskPort);
  await isApplied(old, 'received');
  await migrateDatabase(loadConfig(env).mysql, { waitMs: 10_000 });
  await startService(t, env, { consumers: 0 });

  /** What both answer of an order is the same and whole. */
  const shows = async (t: Test, id: string, status: string, what: string) => {
    for (const [name, at] of Object.entries(both))
      t.match(
        await ask(at, 'GET', `/orders/${id}`),
        { status: 200, body: { order_id: id, ...content, status } },
        `${name}: ${what}`,
      );
  };
  const isGone = (id: string) => until(`${id} is gone`, async () => (await stores.order(id)) === undefined);

  await t.test("by the Flask service's worker", async (t) => {
    await shows(t, old, 'received', 'an old order');
    for (const [name, at] of Object.entries(both)) {
      const id = await create(at);
      await shows(t, id, 'received', `a POST by ${name}, at once`);
      await isApplied(id, 'received');
      t.equal((await ask(at, 'PATCH', `/orders/${id}/status`, { status: name })).status, 202);
      await shows(t, id, name, `a PATCH by ${name}, at once`);
      await isApplied(id, name);
      await shows(t, id, name, `a PATCH by ${name}, applied`);
      t.equal((await ask(at, 'DELETE', `/orders/${id}`)).status, 202);
      for (const [reader, there] of Object.entries(both))
        t.match(
          await ask(there, 'GET', `/orders/${id}`),
          { body: { status: 'deleting' } },
          `${reader}: a DELETE by ${name}`,
        );
      await isGone(id);
    }
  });

  worker.child.kill('SIGTERM');
  startProcess(t, 'consumer', env);

  await t.test('by a consumer of this service', async (t) => {
    for (const [name, at] of Object.entries(both)) {
      const id = await create(at);
      await shows(t, id, 'received', `a POST by ${name}, at once`);
      await isApplied(id, 'received');
      await shows(t, id, 'received', `a POST by ${name}, applied`);
      t.equal((await ask(at, 'PATCH', `/orders/${id}/status`, { status: name })).status, 202);
      await isApplied(id, name);
      await shows(t, id, name, `a PATCH by ${name}, applied`);
      await ask(at, 'DELETE', `/orders/${id}`);
      await isGone(id);
      t.equal((await ask(port, 'GET', `/orders/${id}`)).status, 404, 'and gone');
    }
    t.equal((await ask(port, 'PATCH', `/orders/${old}/status`, { status: 'sent' })).status, 202);
    await isApplied(old, 'sent');
    await shows(t, old, 'sent', 'an old order that this service has changed');
    t.equal((await ask(port, 'DELETE', `/orders/${old}`)).status, 202);
    await isGone(old);
    for (const [name, at] of Object.entries(both))
      t.equal(
        (await ask(at, 'GET', `/orders/${old}`)).status,
        404,
        `${name}: an order that this service has deleted`,
      );
  });

  await t.test('lists', async (t) => {
    const ids = [await create(flaskPort), await create(port)];
    for (const id of ids) await isApplied(id, 'received');
    for (const [name, at] of Object.entries(both))
      await until(`${name} lists both`, async () => {
        const { body } = await ask(at, 'GET', '/orders');
        return (
          body.total_orders === 2 &&
          ids.every((id) => body.orders.some((order: { order_id: string }) => order.order_id === id))
        );
      });
    t.notMatch(worker.output(), 'failed', 'the Flask worker understood all jobs');
  });
});

t.test(
  'the tables are adopted, with the migration killed again and again, while clients write',
  { skip },
  async (t) => {
    const { env, flaskPort, port, worker, stores } = await install(t);
    const urls = [`http://127.0.0.1:${flaskPort}`];
    const load = startLoad({ urls, random: createRandom(1), clients: 4, pauseMs: 20 });
    t.teardown(() => load.stop());
    const accepted = (count: number) => {
      const wanted = load.counts.accepted + count;
      return until(`${count} more writes are accepted`, () => load.counts.accepted >= wanted, 60_000);
    };
    await accepted(50);
    // It acknowledges what fails, as a job does whose transaction meets a table that has just been changed.
    worker.child.kill('SIGTERM');
    const migrate = () => {
      const child = spawn(...withoutTap(process.execPath, migration), {
        env,
        cwd: t.testdir(),
        stdio: 'ignore',
      });
      return { child, ended: once(child, 'exit') };
    };
    for (let kills = 0; kills < KILLS; kills++) {
      const { child, ended } = migrate();
      await sleep(Math.random() * MIGRATION_MS);
      child.kill('SIGKILL');
      await ended;
    }
    t.strictSame(await migrate().ended, [0, null], 'one that nobody kills ends well');
    await accepted(50);

    await startService(t, env);
    urls.push(`http://127.0.0.1:${port}`);
    await accepted(100);
    await load.stop();
    const names = load.history.filter(({ writes }) => writes.length > 0).length;
    t.ok(load.counts.accepted > 200, `${load.counts.accepted} accepted writes to ${names} orders`);
    t.equal(load.counts.refused + load.counts.unknown, 0, 'none was refused');
    t.strictSame(load.oddities, []);

    await until('nothing waits', async () => (await stores.waiting()) === 0, 60_000);
    const judged = async () => {
      const stored = await readOrders(env);
      return check(load.history, { stored, shown: new Map(), dead: new Set() }, { readYourWrites: false });
    };
    // The last batch has left the queue and may not be committed yet.
    await until('all is applied', async () => (await judged()).details.length === 0, 30_000).catch(() => {});
    const { violations, details } = await judged();
    t.strictSame(violations, noViolations, details.join('\n'));
  },
);
