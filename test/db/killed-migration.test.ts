/** A migration, or its server, that is killed at random moments while it adopts tables with rows in them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withoutTap } from '../../testbed/spawn.ts';
import { flaskTables } from '../helpers/flask.ts';
import { startOwnMysql } from '../helpers/mysql.ts';

const program = fileURLToPath(new URL('../../dist/ops/migrate.js', import.meta.url));
const ORDERS = 2_000;
const KILLS = 10;
const CRASHES = 2;

/** What must be the same before and after: a hash over all rows, whatever their character set. */
const CONTENT = `SELECT COUNT(*) AS orders, SUM(CRC32(CONCAT(id, CONVERT(customer_name USING utf8mb4), status))) AS names,
  (SELECT COUNT(*) FROM order_items) AS items,
  (SELECT SUM(CRC32(CONCAT(id, order_id, CONVERT(item_name USING utf8mb4), quantity))) FROM order_items) AS contents
  FROM orders`;

const fill = [
  ...flaskTables,
  `INSERT INTO orders SELECT CONCAT('00000000-0000-4000-8000-', LPAD(seq, 12, '0')), CONCAT('Zoë ', seq), 'received'
    FROM seq_1_to_${ORDERS}`,
  `INSERT INTO order_items (item_name, quantity, order_id) SELECT CONCAT('Öl ', n.seq), n.seq, orders.id
    FROM orders JOIN seq_1_to_3 AS n ORDER BY orders.id, n.seq DESC`,
];

t.test('the migration', async (t) => {
  const mysql = await startOwnMysql(t);
  const env = { PATH: process.env.PATH, ...mysql.env };
  const begin = () => {
    const child = spawn(...withoutTap(process.execPath, program), { env, cwd: t.testdir(), stdio: 'ignore' });
    return { child, ended: once(child, 'exit') };
  };
  const prepare = async () => {
    await mysql.rows(`DROP DATABASE IF EXISTS ${mysql.database}`);
    await mysql.rows(`CREATE DATABASE ${mysql.database} CHARACTER SET latin1`);
    await mysql.rows(`USE ${mysql.database}`);
    for (const statement of fill) await mysql.rows(statement);
    return mysql.rows(CONTENT);
  };
  await prepare();
  const began = performance.now();
  t.strictSame(await begin().ended, [0, null]);
  const wholeMs = performance.now() - began;

  for (let round = 0; round < KILLS + CRASHES; round++) {
    const before = await prepare();
    const ms = Math.round(Math.random() * wholeMs);
    const { child, ended } = begin();
    await sleep(ms);
    if (round < KILLS) child.kill('SIGKILL');
    else await mysql.crash();
    await ended;
    const what = `${round < KILLS ? 'the migration' : 'MySQL'} was killed after ${ms} ms`;
    t.strictSame(await begin().ended, [0, null], `${what}, and another migration ends well`);
    await mysql.rows(`USE ${mysql.database}`);
    t.same(await mysql.rows(CONTENT), before, `${what}: no row is lost or changed`);
    t.strictSame(await mysql.rows('SELECT orders FROM order_counts'), [{ orders: ORDERS }]);
  }
});
