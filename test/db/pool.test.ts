/** The connections of a process: who waits for one, who is told why there is none, and which of them are closed. */
import { sql } from 'drizzle-orm';
import { type Connection, createConnection } from 'mysql2/promise';
import t from 'tap';
import { connectionOptions, openDatabase } from '../../db/client.ts';
import { isPassing, reasonOf } from '../../db/errors.ts';
import { readAgainIfDead } from '../../db/reads.ts';
import { readRows } from '../../db/rows.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startOwnMysql } from '../helpers/mysql.ts';

const CONNECTIONS = 2;
/** Long enough for this machine, and short enough to be waited for. */
const WAIT_MS = 400;

const server = await startOwnMysql(t);
const { mysql } = loadConfig(await isolatedEnvironment(server.env));

const start = (t: Teardown, waitMs = WAIT_MS) => {
  const database = openDatabase(mysql, unobserved, { connections: CONNECTIONS, waitMs });
  t.teardown(() => database.close());
  return database;
};
type Database = ReturnType<typeof start>;
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error,
  );
/** Takes all connections of a pool. @returns gives them back */
const takeAll = async ({ orm }: Database) => {
  let giveBack = () => {};
  const end = new Promise<void>((resolve) => {
    giveBack = resolve;
  });
  let taken = 0;
  const holding = Array.from({ length: CONNECTIONS }, () =>
    orm.transaction(async () => {
      taken++;
      await end;
    }),
  );
  await until('all are taken', () => taken === CONNECTIONS);
  return async () => {
    giveBack();
    await Promise.all(holding);
  };
};
const idOf = async ({ orm }: Database) =>
  (await readRows<{ id: number }>(orm, sql`select connection_id() as id`))[0]?.id;
/** The service's connections, as the server has them. */
const connections = async () =>
  (await server.rows("SELECT id FROM information_schema.processlist WHERE user = 'service' ORDER BY id")).map(
    ({ id }) => Number(id),
  );

t.test('who finds all connections taken waits, and is told so if that was in vain', async (t) => {
  const database = start(t);
  const giveBack = await takeAll(database);
  const error = await failureOf(database.ping());
  t.match(error, { message: 'All 2 connections to MySQL are in use.', code: 'POOL_BUSY' });
  t.ok(isPassing(error));
  const patient = database.ping();
  await giveBack();
  await t.resolves(patient, "who has given up before stands in nobody's way");
});

t.test('a server that takes no more connections is asked again, and says why if it takes none', async (t) => {
  const database = start(t, 3_000);
  const own = await idOf(database);
  const others: Connection[] = [];
  t.teardown(() => server.rows('SET GLOBAL max_connections = 500'));
  t.teardown(() => Promise.all(others.map((one) => one.end())));
  await server.rows('SET GLOBAL max_connections = 10');
  await until('no more is taken', async () => {
    const failure = await failureOf(
      createConnection(connectionOptions(mysql)).then((one) => others.push(one)),
    );
    return failure?.errno === 1040;
  });

  let giveBack = () => {};
  const holding = database.orm.transaction(
    () =>
      new Promise<void>((resolve) => {
        giveBack = resolve;
      }),
  );
  const impatient = start(t);
  const error = await failureOf(impatient.ping());
  t.equal(reasonOf(error), 'Too many connections');
  t.ok(isPassing(error));

  const patient = database.ping();
  await others.pop()?.end();
  await t.resolves(patient, 'it has one as soon as there is room');
  giveBack();
  await holding;
  t.ok((await connections()).includes(Number(own)), 'those that are open stay');
});

t.test('a read whose connection died is asked once more', async (t) => {
  const database = start(t);
  let tries = 0;
  const read = () => readRows(database.orm, ++tries === 1 ? sql`select sleep(60)` : sql`select 1 as one`);
  const reading = readAgainIfDead(read);
  await until('it is under way', async () => {
    const found = await server.rows(
      "SELECT id FROM information_schema.processlist WHERE user = 'service' AND info LIKE '%sleep(60)%'",
    );
    for (const { id } of found) await server.rows(`KILL ${id}`);
    return found.length > 0;
  });
  t.strictSame(await reading, [{ one: 1 }]);
  t.equal(tries, 2);
  let others = 0;
  await t.rejects(
    readAgainIfDead(() => {
      others++;
      return readRows(database.orm, sql`select nonsense`);
    }),
  );
  t.equal(others, 1, 'nothing else is');
});

t.test('once a server says that it is read-only all its connections are left', async (t) => {
  const database = start(t);
  await (await takeAll(database))();
  await database.probeWrites();
  const before = await connections();
  const giveBack = await takeAll(database);
  await server.rows('SET GLOBAL read_only = 1');
  t.teardown(() => server.rows('SET GLOBAL read_only = 0'));
  await giveBack();
  t.strictSame(await connections(), before);
  t.match(await failureOf(database.probeWrites()), { errno: 1290 });
  await until('all are closed', async () => !(await connections()).some((id) => before.includes(id)));
});
