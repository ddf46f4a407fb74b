/** Tables that were made by SQLAlchemy, by an earlier version of this service, or by nobody knows whom. */
import { randomUUID } from 'node:crypto';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { connectionOptions, openDatabase } from '../../db/client.ts';
import { BEGINNING, readOrders } from '../../db/lists.ts';
import { migrateDatabase } from '../../db/migrate.ts';
import { findOrder } from '../../db/orders.ts';
import { openReader } from '../../db/reader.ts';
import { tables } from '../../db/schema.ts';
import { readTables, wantedTable } from '../../db/tables.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { flaskTables } from '../helpers/flask.ts';
import { earlierStatements } from './earlier-versions.ts';

const { mysql } = loadConfig(await isolatedEnvironment());
const admin = await createConnection({ ...connectionOptions(mysql), multipleStatements: true });
t.teardown(() => admin.end());
const names = tables.map((table) => wantedTable(table).name);

/** A database of its own with what the statements make. */
const databaseWith = async (statements: string[], characterSet = 'utf8mb4') => {
  const database = `orders_${randomUUID().slice(0, 8)}`;
  await admin.query(`CREATE DATABASE ${database} CHARACTER SET ${characterSet}; USE ${database}`);
  for (const statement of statements) await admin.query(statement);
  return database;
};
const migrate = (database: string, say?: (line: string) => void) =>
  migrateDatabase({ ...mysql, database }, { waitMs: 10_000, ...(say && { say }) });
const rows = async (sql: string): Promise<RowDataPacket[]> => {
  const [found] = await admin.query<RowDataPacket[]>(sql);
  return found;
};

const sorted = <T extends { name: string }>(list: T[]): T[] =>
  list.toSorted((a, b) => a.name.localeCompare(b.name));
/** All that is known of the tables of a database, whatever the order of their columns. */
const shapeOf = async (database: string) => {
  await admin.query(`USE ${database}`);
  const found = await readTables(admin, names);
  return sorted([...found.values()]).map((table) => ({
    ...table,
    columns: sorted(table.columns),
    indexes: sorted(table.indexes),
  }));
};
const fresh = await databaseWith([]);
await migrate(fresh);
const freshShape = await shapeOf(fresh);

t.test('whatever an earlier version has left half-way is completed', async (t) => {
  t.equal(freshShape.length, 9);
  for (let done = 0; done <= earlierStatements.length; done++) {
    const database = await databaseWith(earlierStatements.slice(0, done));
    await migrate(database);
    t.strictSame(await shapeOf(database), freshShape, `after ${done} statements`);
    t.strictSame(await rows('SELECT id FROM last_reset'), [{ id: 1 }]);
  }
});

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const flaskRows = [
  `INSERT INTO orders VALUES ('${id(1)}', 'Zoë O''Brien', 'received'), ('${id(2).replace('8000', 'ABCD')}', 'Grün', 'gepackt')`,
  `INSERT INTO order_items (order_id, item_name, quantity) VALUES ('${id(1)}', 'Tee', 2),
    ('${id(2).replace('8000', 'ABCD')}', 'Öl', 1), ('${id(1)}', 'Brot', 1), ('${id(1)}', 'Äpfel', 3)`,
];

t.test("SQLAlchemy's tables, in each character set", async (t) => {
  for (const characterSet of ['latin1', 'utf8mb3', 'utf8mb4']) {
    const database = await databaseWith([...flaskTables, ...flaskRows], characterSet);
    await migrate(database);
    t.strictSame(await shapeOf(database), freshShape, `tables as fresh ones, from ${characterSet}`);
    const opened = openDatabase({ ...mysql, database }, unobserved, { connections: 1 });
    t.strictSame((await findOrder(opened.orm, id(1))).value, {
      order_id: id(1),
      customer_name: "Zoë O'Brien",
      status: 'received',
      items: [
        { name: 'Tee', quantity: 2 },
        { name: 'Brot', quantity: 1 },
        { name: 'Äpfel', quantity: 3 },
      ],
    });
    const lower = id(2).replace('8000', 'abcd');
    t.match((await findOrder(opened.orm, lower)).value, { customer_name: 'Grün', items: [{ name: 'Öl' }] });
    await admin.query(
      `INSERT INTO orders (id, customer_name, status) VALUES ('${id(3)}', 'New', 'received');
       INSERT INTO order_items (item_name, quantity, order_id) VALUES ('Tea', 1, '${id(3)}')`,
    );
    const reader = await openReader(opened.orm, new AbortController().signal);
    const pages = readOrders(reader, {}, BEGINNING, 10, true);
    const listed: string[] = [];
    let page = await pages.next();
    for (; !page.done; page = await pages.next()) for (const order of page.value) listed.push(order.order_id);
    t.strictSame(listed, [id(3), lower, id(1)], 'newer ones first');
    t.equal(page.value.total, 2, 'those of before are counted');
    reader.close();
    await opened.close();
    t.strictSame(await rows('SELECT DISTINCT version FROM orders'), [{ version: 0 }]);
  }
});

t.test('it can be cut short after each statement, and run by two at once', async (t) => {
  class Cut extends Error {}
  for (let cut = 1; ; cut++) {
    const database = await databaseWith([...flaskTables, ...flaskRows], 'latin1');
    let told = 0;
    const isCut = await migrate(database, () => {
      if (++told === cut) throw new Cut();
    }).then(
      () => false,
      (error) => {
        if (!(error instanceof Cut)) throw error;
        return true;
      },
    );
    await Promise.all([migrate(database), migrate(database)]);
    t.strictSame(await shapeOf(database), freshShape, `before statement ${cut}`);
    t.match(await rows('SELECT customer_name FROM orders ORDER BY id'), [
      { customer_name: "Zoë O'Brien" },
      { customer_name: 'Grün' },
    ]);
    t.equal((await rows('SELECT * FROM order_items')).length, 4);
    if (!isCut) break;
  }
});

t.test('what is in the way is named, and nothing is touched', async (t) => {
  const cases: [what: string, statements: string[], sentence: RegExp][] = [
    [
      'another column',
      ['ALTER TABLE orders ADD COLUMN notes text'],
      /orders has a column notes that is not known/,
    ],
    [
      'another table of that name',
      ['DROP TABLE order_items', 'DROP TABLE orders', 'CREATE TABLE orders (id int PRIMARY KEY, total int)'],
      /orders has no column customer_name, status, so it is another program's: rename it/,
    ],
    [
      'a type of its own',
      ['ALTER TABLE order_items MODIFY quantity double'],
      /order_items\.quantity is double, expected int/,
    ],
    [
      'a view',
      [
        'DROP TABLE order_items',
        'RENAME TABLE orders TO real_orders',
        'CREATE VIEW orders AS SELECT * FROM real_orders',
      ],
      /orders is a view, expected a table/,
    ],
    [
      'an id that is no UUID',
      ["INSERT INTO orders VALUES ('42', 'Ada', 'x')"],
      /orders: 1 row has an id that is no UUID, such as 42:/,
    ],
    [
      'a long name',
      [
        'ALTER TABLE orders MODIFY customer_name varchar(300)',
        `INSERT INTO orders VALUES ('${id(5)}', REPEAT('é', 300), 'x')`,
      ],
      /orders: 1 row has a customer_name that is no text of up to 80 characters, such as 0{8}-.* with 300 characters/,
    ],
    [
      'no name',
      [
        'ALTER TABLE orders MODIFY customer_name varchar(80) NULL',
        `INSERT INTO orders VALUES ('${id(5)}', NULL, 'x')`,
      ],
      /customer_name .* such as .* with NULL/,
    ],
    [
      'an item of no order',
      [
        'ALTER TABLE order_items DROP FOREIGN KEY order_items_ibfk_1',
        `INSERT INTO order_items VALUES (9, 'x', 1, '${id(7)}')`,
      ],
      /order_items: 1 row has an order_id of no order, such as 9 of order 0{8}/,
    ],
    [
      'a table that refers to it',
      [
        'CREATE TABLE invoices (order_id varchar(36), CONSTRAINT billed FOREIGN KEY (order_id) REFERENCES orders (id))',
      ],
      /invoices refers to orders by the foreign key billed/,
    ],
    [
      'a unique index',
      ['ALTER TABLE orders ADD UNIQUE INDEX one_each (customer_name)'],
      /unique index one_each on customer_name/,
    ],
  ];
  for (const [what, statements, sentence] of cases) {
    const database = await databaseWith([...flaskTables, ...flaskRows, ...statements]);
    const before = await shapeOf(database);
    const error = await migrate(database).catch((reason) => reason);
    t.match(error.message, sentence, what);
    t.match(error.message, /Nothing was changed\.$/);
    t.strictSame(await shapeOf(database), before, `${what}: untouched`);
  }
});

t.test('a column of somebody else in a table that is up to date', async (t) => {
  const database = await databaseWith([]);
  await migrate(database);
  await admin.query(`USE ${database}; ALTER TABLE orders ADD COLUMN notes text`);
  await t.resolves(migrate(database), 'does no harm where it needs no value');
});

t.test('a check says what would be done and does nothing', async (t) => {
  const database = await databaseWith([...flaskTables, ...flaskRows]);
  const before = await shapeOf(database);
  const told: string[] = [];
  const check = { waitMs: 10_000, isCheck: true, say: (line: string) => told.push(line) };
  await migrateDatabase({ ...mysql, database }, check);
  t.match(told.join('\n'), /ALTER TABLE `orders` .*ADD COLUMN `accepted_at`/);
  t.strictSame(await shapeOf(database), before);
  const missing = `orders_${randomUUID().slice(0, 8)}`;
  await migrateDatabase({ ...mysql, database: missing }, check);
  t.strictSame(await rows(`SHOW DATABASES LIKE '${missing}'`), []);
});

t.test('it waits for a transaction that holds a table', async (t) => {
  const database = await databaseWith([...flaskTables, ...flaskRows]);
  const holder = await createConnection(connectionOptions({ ...mysql, database }));
  await holder.query('START TRANSACTION');
  await holder.query('SELECT * FROM orders JOIN order_items ON orders.id = order_id');
  await migrate(database, (line) => {
    if (line.startsWith('Another connection holds a table')) void holder.end();
  });
  t.strictSame(await shapeOf(database), freshShape);
});
