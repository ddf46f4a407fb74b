/** Pages of the list: what is in them, in which order, and how much is read for them. */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import t from 'tap';
import {
  BEGINNING,
  countOrders,
  findEnd,
  findPosition,
  type OrderFilter,
  type Position,
} from '../../db/lists.ts';
import type { Order } from '../../domain/order.ts';
import { listPage, reading, startDatabase, wholePage } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { type Accepted, anAcceptedOrder, insertAccepted, newestFirst } from '../helpers/orders.ts';
import { openStores } from '../helpers/stores.ts';

const NOON = Date.UTC(2026, 0, 1, 12);

/** A database of its own. */
const open = async () => {
  const env = await isolatedEnvironment();
  const { orm } = startDatabase(t, env);
  const stores = await openStores(t, env);
  return { orm, stores };
};
const { orm, stores } = await open();

const page = (filter: OrderFilter, after: Position, limit: number) => listPage(orm, filter, after, limit);

/** All pages of a list, one after the other. */
const walk = async (filter: OrderFilter, limit: number): Promise<Order[][]> => {
  const pages: Order[][] = [];
  for (let after: Position | undefined = BEGINNING; after; ) {
    const { orders, end }: Awaited<ReturnType<typeof page>> = await page(filter, after, limit);
    pages.push(orders);
    t.strictSame(await reading(orm, (reader) => findEnd(reader, filter, after ?? BEGINNING, limit)), end);
    after = end;
  }
  return pages;
};

t.test('an empty table is one empty page', async (t) => {
  const empty = { orders: [], end: undefined };
  t.strictSame(await page({}, BEGINNING, 5), { ...empty, total: undefined });
  t.strictSame(await page({ status: 'x', customer_name: 'x' }, BEGINNING, 5), { ...empty, total: undefined });
  for (const filter of [{}, { status: 'x' }])
    t.strictSame(await listPage(orm, filter, BEGINNING, 5, true), { ...empty, total: 0 });
});

const accepted: Accepted[] = [];
t.test('pages of any size make up the list, also where many orders are of the same time', async (t) => {
  // 1, 2, 3 and 6 orders of the same millisecond, of which no two sizes of a page end at the same places.
  for (const [i, ties] of [1, 6, 2, 3].entries())
    for (let n = 0; n < ties; n++)
      accepted.push(
        anAcceptedOrder(
          {
            status: n % 2 ? 'shipped' : 'received',
            items: Array.from({ length: n + 1 }, (_, item) => ({
              name: `Item ${9 - item}`,
              quantity: item + 1,
            })),
          },
          NOON + i,
        ),
      );
  await insertAccepted(orm, accepted);
  const all = newestFirst(accepted);
  for (let limit = 1; limit <= 13; limit++) {
    const pages = await walk({}, limit);
    t.strictSame(pages.flat(), all, `pages of ${limit}`);
    t.equal(
      pages.length,
      Math.ceil(all.length / limit),
      'none is empty, the last one knows that it is the last',
    );
    const shipped = await walk({ status: 'shipped' }, limit);
    t.strictSame(
      shipped.flat(),
      all.filter(({ status }) => status === 'shipped'),
    );
  }
});

t.test('orders of the last moment that the column can hold', async (t) => {
  const there = await open();
  const last = [1, 2, 3].map(() => anAcceptedOrder({}, Date.UTC(9999, 11, 31, 23, 59, 59, 998)));
  await insertAccepted(there.orm, last);
  const found = await listPage(there.orm, {}, BEGINNING, 10);
  t.strictSame(found.orders, newestFirst(last));
});

t.test('a status is compared as its column does, a name by how it begins', async (t) => {
  const there = await open();
  const names = [
    'Ada',
    'ada lovelace',
    'Ádám',
    'A%da',
    'A_da',
    'A\\da',
    '100% Öl',
    '🦀 Ada',
    '🦀🦀',
    'Zoë Ωmega',
  ];
  const orders = names.map((customer_name, i) =>
    anAcceptedOrder({ customer_name, status: i % 2 ? 'Shipped' : 'shipped ' }, NOON + i),
  );
  await insertAccepted(there.orm, orders);
  const found = async (filter: OrderFilter) => {
    const { orders, total } = await listPage(there.orm, filter, BEGINNING, 100, true);
    t.equal(total, orders.length, 'counted alike');
    t.equal(await reading(there.orm, (reader) => countOrders(reader, filter)), total);
    const one = await listPage(there.orm, filter, BEGINNING, 1, true);
    t.equal(one.total, orders.length, 'however many are on the page');
    return orders.map(({ customer_name }) => customer_name).toReversed();
  };
  const table: [begins: string, matches: string[]][] = [
    ['Ada', ['Ada', 'ada lovelace', 'Ádám']],
    ['ADA ', ['ada lovelace']],
    ['A%', ['A%da']],
    ['A_', ['A_da']],
    ['A\\', ['A\\da']],
    ['A\\%', []],
    ['100%', ['100% Öl']],
    ['100% ö', ['100% Öl']],
    ['%', []],
    ['_', []],
    ['🦀', ['🦀 Ada', '🦀🦀']],
    ['🦀🦀', ['🦀🦀']],
    ['zoe ω', ['Zoë Ωmega']],
    ["'", []],
  ];
  for (const [customer_name, matches] of table) {
    t.strictSame(await found({ customer_name }), matches, customer_name);
    for (const status of ['shipped', 'SHIPPED'])
      t.strictSame(await found({ customer_name, status }), matches, `${customer_name}, ${status}`);
    t.strictSame(await found({ customer_name, status: 'ship' }), []);
  }
  t.strictSame(await found({ status: 'shipped' }), names);
});

t.test('the place of an order that is there, was deleted, or never was', async (t) => {
  const [first] = accepted;
  if (!first) return t.fail('there is one');
  const id = first.order.order_id;
  const place = (id: string) => reading(orm, (reader) => findPosition(reader, id));
  t.strictSame(await place(id), { acceptedAt: '2026-01-01 12:00:00.000', id });
  const [gone, unknown] = [randomUUID(), randomUUID()];
  await stores.rows(
    'INSERT INTO deleted_orders (id, accepted_at, deleted_at) VALUES (?, ?, NOW(3)), (?, NULL, NOW(3))',
    [gone, '2026-01-01 12:00:00.001', unknown],
  );
  t.strictSame(await place(gone), { acceptedAt: '2026-01-01 12:00:00.001', id: gone });
  t.equal(await place(unknown), undefined, 'deleted before its place was noted');
  t.equal(await place(randomUUID()), undefined);
});

t.test('all that is read in one snapshot is of one moment, and it writes nothing', async (t) => {
  const there = await open();
  const orders = [1, 2, 3].map((n) => anAcceptedOrder({}, NOON + n));
  await insertAccepted(there.orm, orders);
  const [newest, ...others] = newestFirst(orders);
  await reading(there.orm, async (reader) => {
    await reader.beginSnapshot();
    const first = await wholePage(reader, {}, BEGINNING, 1);
    t.strictSame(first.orders, [newest]);
    await there.stores.rows('DELETE FROM orders');
    const second = await wholePage(reader, {}, first.end ?? BEGINNING, 5);
    t.strictSame(second.orders, others, 'with their items');
    await t.rejects(reader.rows(sql`update orders set status = 'x'`));
  });
  for (let i = 0; i < 8; i++)
    t.strictSame((await listPage(there.orm, {}, BEGINNING, 1)).orders, [], 'over no connection it goes on');
});

t.test('a page reads about as many rows as it has orders, wherever it begins', async (t) => {
  const there = await open();
  const ORDERS = 10_000;
  const digit =
    '(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)';
  const number = `(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d n FROM ${digit} a, ${digit} b, ${digit} c, ${digit} e)`;
  // A hundred orders of each time, every fourth one shipped, five hundred different names.
  await there.stores.rows(
    `INSERT INTO orders (id, customer_name, status, accepted_at)
     SELECT UUID(), CONCAT('Name ', 1000 + n % 500), IF(n % 4 = 0, 'shipped', 'received'), FROM_UNIXTIME(1700000000 + n DIV 100)
     FROM ${number} numbers`,
  );
  await there.stores.rows(
    "INSERT INTO order_items (order_id, item_name, quantity) SELECT id, 'Tea', 1 FROM orders",
  );
  await there.stores.rows('ANALYZE TABLE orders, order_items');

  /** How many rows of all tables a page touches. */
  const rowsRead = (filter: OrderFilter, after: Position, limit: number) =>
    reading(there.orm, async (reader) => {
      const touched = async () => {
        const rows = await reader.rows<{ Value: string }>(sql`show session status like 'Handler_read%'`);
        return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
      };
      const looking = -((await touched()) - (await touched()));
      const before = await touched();
      const { orders } = await wholePage(reader, filter, after, limit);
      t.equal(orders.length, limit);
      return (await touched()) - before - looking;
    });

  for (const status of [undefined, 'shipped'])
    for (const limit of [10, 100, 1_000]) {
      const [middle] = await there.stores.rows(
        `SELECT id FROM orders ORDER BY accepted_at DESC, id DESC LIMIT 1 OFFSET ${ORDERS / 2}`,
      );
      const after = await reading(there.orm, (reader) => findPosition(reader, middle?.id));
      for (const place of [BEGINNING, after ?? BEGINNING]) {
        const rows = await rowsRead({ status }, place, limit);
        // Each order, its item, and (from a thousand on) what MariaDB makes of a long list of ids.
        t.ok(rows <= limit * 8 + 20, `${rows} rows for ${limit} orders (${status})`);
      }
    }
  const few = await rowsRead({ customer_name: 'Name 1234' }, BEGINNING, 20);
  t.ok(few < 200, `${few} rows for the 20 orders of a name`);
});
