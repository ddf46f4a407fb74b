/** MySQL answers with errors of its own: no job is blamed, none is lost, and jobs are applied when the errors end. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { v7 as uuidv7 } from 'uuid';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startOwnMysql } from '../helpers/mysql.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const server = await startOwnMysql(t);
// Whatever costs an attempt is a dead letter at once.
const env = await isolatedEnvironment({ ...server.env, MAX_ATTEMPTS: '1' });
const stores = await openStores(t, { ...env, DB_USER: 'orders', DB_PASS: 'orders' });
const dead = `${stores.queue}.dead`;
const orders = `${server.database}.orders`;
const app = await startReadyApp(t, env);
const consumer = startProcess(t, 'consumer', env);
await consumer.says('consuming');

const job = (customer_name: string, items = [{ name: 'Tea', quantity: 1 }]) => ({
  job_id: randomUUID(),
  type: 'create_order',
  payload: { order_id: randomUUID(), customer_name, status: 'received', items },
});
type Job = ReturnType<typeof job>;

const publish = async (jobs: Job[]) => {
  for (const one of jobs) await stores.publish(one);
};
const areApplied = async (jobs: Job[]) => {
  const ids = jobs.map(({ payload }) => `'${payload.order_id}'`);
  const rows = await stores.rows(`SELECT id FROM orders WHERE id IN (${ids})`);
  return rows.length === jobs.length;
};
const jobsWait = () => {
  const before = consumer.output().split('jobs wait for MySQL').length;
  return () => until('jobs wait', () => consumer.output().split('jobs wait for MySQL').length > before);
};
/** Reads an order whose id tells by its time that nobody can have accepted it. @returns the status of the answer */
const read = async () => (await app.inject(`/orders/${uuidv7()}`)).statusCode;
const some = () => ['Ada', 'Bob', 'Cid'].map((name) => job(name));

t.test('a time limit for statements, and a table that somebody has locked', async (t) => {
  await server.rows('SET GLOBAL max_statement_time = 0.3');
  await server.cut();
  await server.rows(`LOCK TABLES ${orders} WRITE`);
  const waits = jobsWait();
  const jobs = some();
  await publish(jobs);
  await waits();
  t.equal(await read(), 503);
  const list = await app.inject('/orders?limit=3&status=x');
  t.equal(list.statusCode, 503);
  t.equal(list.headers['retry-after'], '1');
  await server.rows('UNLOCK TABLES');
  await server.rows('SET GLOBAL max_statement_time = 0');
  await until('they are applied', () => areApplied(jobs));
  t.equal(await stores.waiting(dead), 0);
  await server.cut();
});

t.test('read-only: connections are replaced, and readiness says so and lets reads through', async (t) => {
  const connections = async () =>
    (await server.rows("SELECT id FROM information_schema.processlist WHERE user = 'service'")).map(
      ({ id }) => id,
    );
  await read();
  const before = new Set(await connections());
  t.ok(before.size > 0);
  await server.rows('SET GLOBAL read_only = 1');
  const waits = jobsWait();
  const jobs = some();
  await publish(jobs);
  await waits();
  const response = await app.inject('/health/ready');
  t.equal(response.statusCode, 200, 'writes are accepted, reads answered');
  const { status, mysql } = response.json();
  t.equal(status, 'degraded');
  t.strictSame({ ...mysql, ms: 0 }, { ok: false, ms: 0, reason: 'MySQL takes no writes.' });
  t.equal(await read(), 404);
  await until(
    'no connection is from before',
    async () => (await app.inject('/health/ready')) && !(await connections()).some((id) => before.has(id)),
  );
  await server.rows('SET GLOBAL read_only = 0');
  await until('they are applied', () => areApplied(jobs));
  t.equal((await app.inject('/health/ready')).json().status, 'ready');
  t.equal(await stores.waiting(dead), 0);
});

t.test('an expired password', async (t) => {
  await server.rows(`ALTER USER ${server.account} PASSWORD EXPIRE`);
  await server.cut();
  const waits = jobsWait();
  const jobs = some();
  await publish(jobs);
  await waits();
  await until('reads are not answered', async () => (await read()) === 503);
  const response = await app.inject('/health/ready');
  t.equal(response.statusCode, 200, 'writes are accepted');
  t.match(response.json(), { status: 'degraded', accepting: 'yes', reading: 'partly', applying: 'unknown' });
  await server.rows(`ALTER USER ${server.account} IDENTIFIED BY 'service'`);
  await until('they are applied', () => areApplied(jobs), 10_000);
  await until('reads are answered', async () => (await read()) === 404, 10_000);
  t.equal(await stores.waiting(dead), 0);
});

t.test('privileges that were taken away', async (t) => {
  await server.rows(`REVOKE ALL ON ${server.database}.* FROM ${server.account}`);
  await server.cut();
  const waits = jobsWait();
  const jobs = some();
  await publish(jobs);
  await waits();
  await until('reads are not answered', async () => (await read()) === 503);
  await server.rows(`GRANT ALL ON ${server.database}.* TO ${server.account}`);
  await until('they are applied', () => areApplied(jobs), 10_000);
  await until('reads are answered', async () => (await read()) === 404, 10_000);
  t.equal(await stores.waiting(dead), 0);
});

/** Makes MySQL answer with an error that is in no list, for orders of one customer. */
const raise = (condition: string) =>
  server.rows(
    `CREATE OR REPLACE TRIGGER ${server.database}.odd BEFORE INSERT ON ${orders} FOR EACH ROW
     IF ${condition} THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1267, MESSAGE_TEXT = 'near ''O''Odd'' at line 1'; END IF`,
  );
const calm = () => server.rows(`DROP TRIGGER IF EXISTS ${server.database}.odd`);

t.test("an error that no list has and that all jobs meet is nobody's fault", async (t) => {
  await raise('TRUE');
  const waits = jobsWait();
  const jobs = some();
  await publish(jobs);
  await waits();
  await until('other jobs cannot pass either', async () => (await stores.waiting()) === 0);
  await calm();
  await until('they are applied', () => areApplied(jobs));
  t.equal(await stores.waiting(dead), 0);
});

t.test('and is that of the job that alone meets it', async (t) => {
  await raise("NEW.customer_name = 'Odd'");
  const jobs = [...some(), ...some()];
  const odd = [job('Odd'), job('Odd')];
  await publish([...jobs.slice(0, 2), ...odd, ...jobs.slice(2)]);
  await until('the others are applied', () => areApplied(jobs));
  await until('they are dead letters', async () => {
    // Whoever is alone in its batch is told by what gets through beside it.
    await publish([job('Ada')]);
    return (await stores.waiting(dead)) === odd.length;
  });
  for (const _ of odd) {
    const letter = await stores.take(dead);
    if (!letter) return t.fail('there is one');
    t.equal(JSON.parse(letter.content.toString()).payload.customer_name, 'Odd');
    t.match(letter.properties.headers, {
      'x-reason': 'failed',
      'x-error': /^near '…' at line 1 \(error 1267\)$/,
    });
  }
  await calm();
});

t.test('a row that somebody locks holds up no other order', async (t) => {
  const locked = job('Ada');
  await publish([locked]);
  await until('it is there', () => areApplied([locked]));
  await server.rows('SET GLOBAL innodb_lock_wait_timeout = 1');
  await server.cut();
  await server.rows('BEGIN');
  await server.rows(`SELECT * FROM ${orders} WHERE id = '${locked.payload.order_id}' FOR UPDATE`);
  const jobs = some();
  const change = {
    job_id: randomUUID(),
    type: 'update_order_status',
    payload: { order_id: locked.payload.order_id, status: 'shipped' },
  };
  await stores.publish(change);
  await publish(jobs);
  await until('the others are applied', () => areApplied(jobs));
  await server.rows('COMMIT');
  await until('it is too', async () => (await stores.order(locked.payload.order_id))?.status === 'shipped');
  t.equal(await stores.waiting(dead), 0);
  await server.rows('SET GLOBAL innodb_lock_wait_timeout = 50');
  await server.cut();
});

t.test('more jobs than the server takes at once', async (t) => {
  await server.rows('SET GLOBAL max_allowed_packet = 1048576');
  await server.cut();
  const items = Array.from({ length: 1_000 }, (_, i) => ({
    name: `🦀'${'ö\\'.repeat(20)}${i}`,
    quantity: 1,
  }));
  const jobs = Array.from({ length: 24 }, () => job('Ada', items));
  await publish(jobs);
  await until('they are applied', () => areApplied(jobs), 30_000);
  const [last] = jobs.slice(-1);
  t.strictSame((await stores.order(last?.payload.order_id ?? ''))?.items, items);

  // The least that a server can be told to take.
  await server.rows('SET GLOBAL max_allowed_packet = 1024');
  await server.cut();
  const small = Array.from({ length: 30 }, () => job('Ada', items.slice(0, 5)));
  const longest = job('\\🦀'.repeat(40));
  longest.payload.status = '🦀\\'.repeat(10);
  await publish([...small, longest]);
  await until('they are applied', () => areApplied([...small, longest]), 30_000);
  await server.rows('SET GLOBAL max_allowed_packet = 16777216');
  await server.cut();
  t.equal(await stores.waiting(dead), 0);
});

t.test('nothing that a client wrote is in the log', async (t) => {
  t.notMatch(consumer.output(), /Ada|Tea|Odd|INSERT|UPDATE |SELECT/);
});
