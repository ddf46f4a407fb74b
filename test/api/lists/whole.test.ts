/** The whole list, made from the one before: always what is in MySQL, and little is read for it. */
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { type Before, BYTES_PER_PLACE, makeWhole } from '../../../api/lists/whole.ts';
import type { Order } from '../../../domain/order.ts';
import { until } from '../../../testbed/until.ts';
import { reading, startDatabase } from '../../helpers/database.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { alone, startAppWithOrder, startLists } from '../../helpers/lists.ts';
import { insertAccepted, newestFirst, variedOrders } from '../../helpers/orders.ts';
import { openStores } from '../../helpers/stores.ts';

const NOON = Date.UTC(2026, 0, 1, 12);

const env = await isolatedEnvironment();
const { orm } = startDatabase(t, env);
const stores = await openStores(t, env);

/** Makes the list. @returns the list for the next time, and how many bytes of orders were read */
const make = async (before?: Before): Promise<Before & { read: number }> => {
  let taken = 0;
  const { chunks, places } = await reading(orm, (reader) =>
    makeWhole(reader, before, (bytes) => {
      taken += bytes;
    }),
  );
  return { body: Buffer.concat(chunks), places, read: taken - places.numbers.size * BYTES_PER_PLACE };
};
const listIn = ({ body }: Before) => JSON.parse(body.toString());

t.test('a list of none, of the first, and of none again', async (t) => {
  const none = await make();
  t.equal(none.body.toString(), '{"total_orders":0,"orders":[]}');
  const [first] = variedOrders(1, NOON);
  if (!first) throw new Error('There is no order.');
  await insertAccepted(orm, [first]);
  const one = await make(none);
  t.strictSame(listIn(one), { total_orders: 1, orders: [first.order] });
  await stores.rows('DELETE FROM orders');
  t.equal((await make(one)).body.toString(), none.body.toString());
});

t.test('whatever changes in between', async (t) => {
  let accepted = variedOrders(700, NOON);
  await insertAccepted(orm, accepted);
  let list = await make();
  const expect = (name: string) => {
    const orders = newestFirst(accepted);
    // A difference between lists as long as these takes tap minutes to show.
    t.ok(isDeepStrictEqual(listIn(list), { total_orders: orders.length, orders }), name);
  };
  expect('all are read');
  const whole = list.read;
  t.ok(whole >= list.body.length - 100, `${whole} bytes`);

  const setStatus = async (numbers: number[], status: string, version?: number) => {
    for (const number of numbers) {
      const { order } = accepted[number] ?? {};
      if (!order) throw new Error(`There is no order ${number}.`);
      order.status = status;
      await stores.rows(
        `UPDATE orders SET status = ?${version ? `, version = ${version}` : ''} WHERE id = ?`,
        [status, order.order_id],
      );
    }
  };
  const remove = async (numbers: number[]) => {
    const ids = numbers.map((number) => accepted[number]?.order.order_id);
    await stores.rows('DELETE FROM orders WHERE id IN (?)', [ids]);
    accepted = accepted.filter((_, i) => !numbers.includes(i));
  };
  const add = async (count: number, at: number) => {
    const some = variedOrders(count, at);
    await insertAccepted(orm, some);
    accepted.push(...some);
  };
  const steps: [name: string, changes: () => Promise<void>, read: number][] = [
    ['nothing', async () => {}, 0],
    ['a status, with its version', () => setStatus([350], 'shipped 🚀', 2), 1],
    ['a status that another service has set, without', () => setStatus([0, 699, 349, 351], 'geprüft'), 4],
    ['the newest, the oldest and two neighbours go', () => remove([0, 1, 300, 301, 699]), 0],
    [
      'new ones in front, behind and in between',
      async () => {
        await add(3, NOON + 10_000);
        await add(1, NOON - 10_000);
        await add(2, NOON + 100);
      },
      6,
    ],
    [
      'all of these at once',
      async () => {
        await remove([5, 6, 7, 690]);
        await setStatus([5, 6, 8, 100, 101], 'x', 3);
        await add(1, NOON + 20_000);
      },
      6,
    ],
    ['a version alone', () => setStatus([9], accepted[9]?.order.status ?? '', 9), 1],
  ];
  for (const [name, changes, read] of steps) {
    await changes();
    list = await make(list);
    expect(name);
    const each = whole / 700;
    t.ok(
      read === 0 ? list.read === 0 : list.read > 0 && list.read <= 1.5 * read * each,
      `${name}: ${list.read} bytes were read`,
    );
    t.ok(list.body.equals((await make()).body), `${name}: the same bytes as without a list before`);
  }
  await stores.rows('DELETE FROM orders');
  list = await make(list);
  t.strictSame(listIn(list), { total_orders: 0, orders: [] });
});

t.test('orders with many items, and one without', async (t) => {
  const items = Array.from({ length: 3_000 }, (_, i) => ({ name: `Item ${i}`, quantity: 3_000 - i }));
  const accepted = variedOrders(3, NOON).map((one, i) => ({
    ...one,
    order: { ...one.order, items: i === 1 ? [] : items },
  }));
  await insertAccepted(orm, accepted);
  t.ok(isDeepStrictEqual(listIn(await make()), { total_orders: 3, orders: newestFirst(accepted) }));
});

t.test(
  'a process makes each version from the one before, and reads all again after ORDERS_CACHE_TTL',
  async (t) => {
    const { app, id, stores } = await startAppWithOrder(t);
    /** The name of the first item in a new version of the list. */
    const nameFrom = async ({ find }: ReturnType<typeof startLists>): Promise<string | undefined> => {
      await app.cache.lists.invalidate();
      const list: { orders: Order[] } = JSON.parse(String((await find({}))?.body));
      return list.orders[0]?.items[0]?.name;
    };
    const patient = startLists(app, {}, alone);
    const brief = startLists(app, { ttl: 1 }, alone);
    for (const lists of [patient, brief]) t.equal(await nameFrom(lists), 'Tea');
    await stores.rows("UPDATE order_items SET item_name = 'by hand' WHERE order_id = ?", [id]);
    t.equal(await nameFrom(patient), 'Tea', 'items do not change, so they are not read again');
    await until('all is read again', async () => (await nameFrom(brief)) === 'by hand');
  },
);

t.test('the list before is kept where there is just room for one beside it', async (t) => {
  const { app } = await startAppWithOrder(t);
  const accepted = variedOrders(50, NOON);
  await insertAccepted(app.database.orm, accepted);
  // What an order takes in the answer and in the places; an answer is joined beside the list before.
  const memoryBytes = 51 * 2 * (220 + BYTES_PER_PLACE);
  const lists = startLists(app, { memoryBytes }, alone);
  const statements: number[] = [];
  for (let version = 0; version < 4; version++) {
    await app.cache.lists.invalidate();
    const before = lists.counts.statements;
    await lists.find({});
    statements.push(lists.counts.statements - before);
  }
  t.strictSame(statements, [6, 5, 5, 5], 'no orders are read after the first time');
});
