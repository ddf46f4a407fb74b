/** Values are never code: whatever a client sends, and whatever the server is set to. */
import { randomUUID } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { connectionOptions } from '../../db/client.ts';
import { migrateDatabase } from '../../db/migrate.ts';
import { loadConfig } from '../../process/config.ts';
import { until } from '../../testbed/until.ts';
import { startApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startOwnMysql } from '../helpers/mysql.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const server = await startOwnMysql(t);
const env = await isolatedEnvironment({ ...server.env, ADMIN_PASSWORD: 'sesame' });
const { mysql } = loadConfig(env);
const modes = [
  '',
  'NO_BACKSLASH_ESCAPES',
  'ANSI_QUOTES',
  'ANSI',
  'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT',
  'ORACLE',
  'ORACLE,NO_BACKSLASH_ESCAPES',
  'TRADITIONAL',
  'EMPTY_STRING_IS_NULL',
  'PAD_CHAR_TO_FULL_LENGTH',
  'TIME_ROUND_FRACTIONAL',
  'HIGH_NOT_PRECEDENCE',
  'IGNORE_BAD_TABLE_OPTIONS,SIMULTANEOUS_ASSIGNMENT,IGNORE_SPACE',
];
const names = [
  "O'Brien",
  "a',0x72,0,NOW());DELETE FROM orders;COMMIT;-- ",
  "\\',0x72,0,NOW());DELETE FROM orders;COMMIT;-- ",
  '\\',
  "'\\",
  "\\'",
  "''",
  '"',
  '\\"; DROP TABLE orders; #',
  '`',
  'a\u0000b',
  "\u0000'\\",
  '\n\r\t\b\u001a',
  '100%_|',
  '\\%\\_',
  '|',
  '/*! DELETE FROM orders */ -- x',
  '?',
  '??:a',
  '🦀 \u{1f468}\u200d\u{1f469}\\',
  '\u00bf\\',
  '\u8a31\u529f', // ends in 0x5c in Big5
  'x'.repeat(80),
  '🦀'.repeat(40),
];

t.test('a value means the same in each mode, also where nothing set the session up', async (t) => {
  const connection = await createConnection(connectionOptions(mysql));
  t.teardown(() => connection.end());
  const times = [new Date(0), new Date('2026-01-31T12:00:00.999Z')];
  for (const mode of modes) {
    await connection.query(`SET sql_mode = '${mode}'`);
    const values = ['', ...names, 7, -7.5, null, ...times.map((time) => time.toISOString())];
    const [rows] = await connection.query(
      { sql: `SELECT ${values.map(() => '?')}`, rowsAsArray: true },
      values,
    );
    const [row] = rows as unknown[][];
    t.strictSame(
      row?.map((value) => (value === '-7.5' ? -7.5 : value)),
      // What that mode is for.
      values.map((value) => (value === '' && mode === 'EMPTY_STRING_IS_NULL' ? null : value)),
      mode,
    );
    const [found] = await connection.query(
      { sql: 'SELECT CAST(? AS DATETIME(3)) AS at', rowsAsArray: true },
      [times[1]],
    );
    t.strictSame(found, [[times[1]]], mode);
  }
});

const settings: [what: string, statements: string[]][] = [
  ...modes.map((mode): [string, string[]] => [
    `sql_mode = ${mode || "''"}`,
    [`SET GLOBAL sql_mode = '${mode}'`],
  ]),
  [
    'init_connect',
    [
      `SET GLOBAL init_connect = 'SET sql_mode = "NO_BACKSLASH_ESCAPES", autocommit = 0, time_zone = "-11:00", foreign_key_checks = 0, sql_select_limit = 1, completion_type = 1, sql_safe_updates = 1, sql_big_selects = 0, max_join_size = 1'`,
    ],
  ],
  ['another time zone', ["SET GLOBAL time_zone = '+13:00'"]],
  [
    'latin1',
    [
      'SET GLOBAL character_set_server = latin1, character_set_client = latin1, character_set_results = latin1, character_set_connection = latin1',
      "SET GLOBAL init_connect = 'SET NAMES latin1'",
    ],
  ],
  [
    'SERIALIZABLE, and what is deleted leaves its items',
    [
      'SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE',
      'SET GLOBAL foreign_key_checks = 0, GLOBAL completion_type = 2, GLOBAL autocommit = 0',
    ],
  ],
];

t.test('through the whole service', async (t) => {
  const app = await startApp(t, env);
  // Its connection is not the service's account's, which is cut.
  const stores = await openStores(t, { ...env, DB_USER: 'orders', DB_PASS: 'orders' });
  const consumer = startProcess(t, 'consumer', env);
  await consumer.says('consuming');
  const keeper = `'keeper'`;
  await server.rows(
    `INSERT INTO ${server.database}.orders (id, customer_name, status, accepted_at) VALUES (${keeper}, 'keeper', 'x', NOW())`,
  );
  const created = new Set<string>();

  const post = async (customer_name: string) => {
    const items = [
      { name: customer_name, quantity: 2_147_483_647 },
      { name: 'Tea', quantity: 1 },
    ];
    const payload = { customer_name, status: customer_name.slice(0, 20).toWellFormed(), items };
    const response = await app.inject({ method: 'POST', url: '/orders', payload });
    t.equal(response.statusCode, 202, response.body);
    const { order_id } = response.json();
    created.add(order_id);
    return { order_id, ...payload };
  };
  const applied = (what: string, ask: () => Promise<unknown>) =>
    until(what, async () => (await ask()) === true);
  const read = async (url: string) => {
    // Nothing but what MySQL holds.
    await stores.redis.flushdb();
    const response = await app.inject(url);
    t.equal(response.statusCode, 200, response.body);
    return response.json();
  };
  const stored = async () =>
    Number((await server.rows(`SELECT COUNT(*) AS n FROM ${server.database}.orders`))[0]?.n);

  for (const [what, statements] of settings)
    await t.test(what, async (t) => {
      const before = await server.rows('SHOW GLOBAL VARIABLES');
      for (const statement of statements) await server.rows(statement);
      await server.cut();
      const orders = await Promise.all(names.map(post));
      const expected = created.size + 1;
      await applied('all are there', async () => (await stored()) === expected);
      for (const order of orders) t.strictSame(await read(`/orders/${order.order_id}`), order);
      const acceptedAt = await server.rows(
        `SELECT MAX(ABS(TIMESTAMPDIFF(SECOND, accepted_at, UTC_TIMESTAMP(3)))) AS off FROM ${server.database}.orders WHERE id IN ('${orders.map(({ order_id }) => order_id).join("','")}')`,
      );
      t.ok(Number(acceptedAt[0]?.off) < 60, 'accepted now, in UTC');

      const patched = names.map((name) => name.slice(0, 20).toWellFormed()).toReversed();
      await Promise.all(
        orders.map(({ order_id }, i) =>
          app.inject({ method: 'PATCH', url: `/orders/${order_id}/status`, payload: { status: patched[i] } }),
        ),
      );
      const statusOf = async (id: string) => (await stores.order(id))?.status;
      for (const [i, { order_id }] of orders.entries())
        await applied('the status is set', async () => (await statusOf(order_id)) === patched[i]);
      for (const { customer_name, order_id } of orders) {
        const url = `/orders?limit=1000&customer_name=${encodeURIComponent(customer_name)}`;
        const found: { order_id: string; customer_name: string }[] = (await read(url)).orders;
        t.ok(
          found.some((order) => order.order_id === order_id),
          `${customer_name} is found by its name`,
        );
        t.ok(found.length <= created.size / 2, 'and not by a pattern that all have');
      }

      const [gone] = orders;
      if (!gone) throw new Error('there is one');
      await app.inject({ method: 'DELETE', url: `/orders/${gone.order_id}` });
      created.delete(gone.order_id);
      await applied('it is deleted', async () => (await stores.order(gone.order_id)) === undefined);
      const left = await server.rows(
        `SELECT COUNT(*) AS n FROM ${server.database}.order_items WHERE order_id = '${gone.order_id}'`,
      );
      t.equal(Number(left[0]?.n), 0, 'with its items');
      const seeded = await app.inject({
        method: 'POST',
        url: '/admin/seed',
        headers: { 'x-admin-password': 'sesame' },
        payload: { count: 3 },
      });
      t.equal(seeded.statusCode, 201, seeded.body);
      await server.rows(`DELETE FROM ${server.database}.orders WHERE version = 0 AND id <> ${keeper}`);
      t.equal(await stored(), created.size + 1, 'nothing else is gone');

      const restored = [
        'sql_mode',
        'init_connect',
        'time_zone',
        'character_set_server',
        'character_set_client',
        'character_set_results',
        'character_set_connection',
        'tx_isolation',
        'foreign_key_checks',
        'completion_type',
        'autocommit',
      ];
      for (const { Variable_name, Value } of before)
        if (restored.includes(Variable_name)) await server.rows(`SET GLOBAL ${Variable_name} = '${Value}'`);
    });
  t.strictSame(await stores.waiting(`${stores.queue}.dead`), 0);
  t.notMatch(consumer.output(), /failed|wait for MySQL"/);
});

t.test('a migration, whatever the server is set to', async (t) => {
  await server.rows(
    "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', GLOBAL default_storage_engine = MyISAM, GLOBAL time_zone = '+13:00'",
  );
  const database = `${server.database}_\\"'\`${randomUUID().slice(0, 8)}`;
  await server.rows(`GRANT ALL ON *.* TO ${server.account}`);
  await migrateDatabase({ ...mysql, database }, { waitMs: 10_000 });
  const tables = await server.rows(
    `SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema LIKE '${server.database}\\_%'`,
  );
  t.strictSame(
    tables.map(({ engine, ENGINE }) => engine ?? ENGINE),
    ['InnoDB'],
  );
});
