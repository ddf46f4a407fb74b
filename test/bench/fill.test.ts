/** Tables that were filled in SQL hold the orders that the requests are about. */
import t from 'tap';
import { fillOrders } from '../../bench/fill.ts';
import { filledId, newOrder } from '../../bench/orders.ts';
import { openStores } from '../../bench/stores.ts';
import { openDatabase } from '../../db/client.ts';
import { BEGINNING } from '../../db/lists.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { listPage } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const COUNT = 300;

t.test('every order, its items, and how many there are', async (t) => {
  const env = await isolatedEnvironment();
  const stores = await openStores(env);
  const database = openDatabase(loadConfig(env).mysql, unobserved, { connections: 1 });
  t.teardown(async () => {
    await stores.close();
    await database.close();
  });
  await fillOrders(stores.mysql, COUNT);

  const newestFirst = Array.from({ length: COUNT }, (_, i) => COUNT - 1 - i);
  const { orders, total } = await listPage(database.orm, {}, BEGINNING, COUNT, true);
  t.same(
    orders,
    newestFirst.map((n) => ({ order_id: filledId(n), status: 'received', ...newOrder(n) })),
  );
  t.equal(total, COUNT);
  t.equal(await stores.countOrders(), COUNT);
});
