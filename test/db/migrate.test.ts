import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { connectionOptions } from '../../db/client.ts';
import { isPassing, reasonOf } from '../../db/errors.ts';
import { migrateDatabase } from '../../db/migrate.ts';
import { freePort } from '../../ops/ports.ts';
import { loadConfig } from '../../process/config.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const { mysql } = loadConfig(await isolatedEnvironment());

const query = async (sql: string, database = mysql.database) => {
  const connection = await createConnection(connectionOptions({ ...mysql, database }));
  const [rows] = await connection.query<RowDataPacket[]>(sql);
  await connection.end();
  return rows;
};

t.test(
  'several processes at once, on a database that does not exist and one that is up to date',
  async (t) => {
    const database = `orders_${randomUUID().slice(0, 8)}`;
    await Promise.all(
      Array.from({ length: 4 }, () => migrateDatabase({ ...mysql, database }, { waitMs: 10_000 })),
    );
    t.strictSame(
      (await query('SHOW TABLES', database)).map((row) => Object.values(row)[0]),
      [
        'begun_jobs',
        'deleted_orders',
        'last_reset',
        'order_counts',
        'order_items',
        'order_jobs',
        'order_journal',
        'orders',
        'read_marks',
      ],
    );
    t.equal((await query('SELECT * FROM last_reset', database)).length, 1);
  },
);

t.test('text columns are utf8mb4 whatever the database defaults to', async (t) => {
  const database = `orders_${randomUUID().slice(0, 8)}`;
  await query(`CREATE DATABASE ${database} CHARACTER SET latin1`);
  await migrateDatabase({ ...mysql, database }, { waitMs: 10_000 });
  const columns = await query(
    `SELECT CONCAT(table_name, '.', column_name) AS name FROM information_schema.columns
     WHERE table_schema = '${database}' AND character_set_name = 'utf8mb4'`,
  );
  t.strictSame(columns.map(({ name }) => name).sort(), [
    'begun_jobs.job_id',
    'order_items.item_name',
    'order_jobs.error',
    'order_jobs.job_id',
    'order_jobs.reason',
    'order_jobs.request_id',
    'order_journal.body',
    'orders.customer_name',
    'orders.status',
  ]);
});

t.test('a database that is up to date needs no rights to change tables', async (t) => {
  const name = `orders_${randomUUID().slice(0, 8)}`;
  await migrateDatabase({ ...mysql, database: name }, { waitMs: 10_000 });
  await query(`CREATE USER ${name}@'%' IDENTIFIED BY 'dml'`);
  t.teardown(() => query(`DROP USER ${name}@'%'`));
  await query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name}.* TO ${name}@'%'`);
  const migrate = () =>
    migrateDatabase({ ...mysql, user: name, password: 'dml', database: name }, { waitMs: 10_000 });
  await t.resolves(migrate());
  await query('ALTER TABLE orders DROP INDEX orders_status', name);
  const error = await migrate().catch((reason) => reason);
  t.match(reasonOf(error), /denied/, 'one that is behind does');
});

t.test('it waits for a server that is still starting', async (t) => {
  const port = await freePort();
  const migrated = migrateDatabase({ ...mysql, port }, { waitMs: 10_000 });
  // The server starts: what comes to the port from now on reaches it.
  const { connect } = await import('node:net');
  const proxy = createServer((socket) => {
    const server = connect(mysql.port, mysql.host);
    socket.pipe(server).pipe(socket);
    socket.on('error', () => server.destroy());
    server.on('error', () => socket.destroy());
  });
  t.teardown(() => proxy.close());
  proxy.listen(port, '127.0.0.1');
  await t.resolves(migrated);
});

t.test('it gives up on a server that stays away, and at once on a wrong password', async (t) => {
  const away = await migrateDatabase({ ...mysql, port: await freePort() }, { waitMs: 0 }).catch(
    (error) => error,
  );
  t.ok(isPassing(away));
  t.match(reasonOf(away), /ECONNREFUSED/);
  const wrong = await migrateDatabase({ ...mysql, password: 'wrong' }, { waitMs: 60_000 }).catch(
    (error) => error,
  );
  t.notOk(isPassing(wrong));
  t.match(reasonOf(wrong), /Access denied for user 'orders'/);
});
