/** Orders that other programs insert and delete. */
import { randomUUID } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { keepCountRight } from '../../../api/lists/recount.ts';
import { connectionOptions } from '../../../db/client.ts';
import { loadConfig } from '../../../process/config.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';

t.test('are counted and listed soon, by one process of several', async (t) => {
  const env = await isolatedEnvironment();
  const sql = await createConnection(connectionOptions(loadConfig(env).mysql));
  t.teardown(() => sql.end());
  const app = await startReadyApp(t, env);
  const corrected: number[] = [];
  const { database, cache } = app;
  const observer = {
    ...app.observer,
    countCorrected: ({ difference }: { difference: number }) => corrected.push(difference),
  };
  for (const _process of [1, 2]) t.teardown(keepCountRight({ database, cache, observer }, 50));
  const total = async () => (await app.inject('/orders')).json().total_orders;
  t.equal(await total(), 0);

  const ids = [randomUUID(), randomUUID(), randomUUID()];
  for (const id of ids)
    await sql.query('INSERT INTO orders (id, customer_name, status) VALUES (?, ?, ?)', [id, 'Ada', 'new']);
  await until('three are counted', async () => (await total()) === 3);
  await sql.query('DELETE FROM orders WHERE id = ?', [ids[0]]);
  // One who counts rests fifty times as long as that took.
  await until('two are counted', async () => (await total()) === 2, 60_000);
  t.equal(
    corrected.reduce((sum, one) => sum + one, 0),
    2,
    'counted once each',
  );
  t.same((await sql.query('SELECT SUM(orders) AS total FROM order_counts'))[0], [{ total: 2 }]);
});
