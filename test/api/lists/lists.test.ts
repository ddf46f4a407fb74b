/** Which orders GET /orders answers with, page by page. */
import t from 'tap';
import type { Order } from '../../../domain/order.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted, newestFirst, variedOrders } from '../../helpers/orders.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const NOON = Date.UTC(2026, 0, 1, 12);
const UNKNOWN = '00000000-0000-7000-8000-000000000000';

interface List {
  total_orders?: number;
  orders: Order[];
  next?: string | null;
}
const get = (url: string) => app.inject(url);
const list = async (url: string): Promise<List> => {
  const response = await get(url);
  t.equal(response.statusCode, 200, `${url}: ${response.body.slice(0, 200)}`);
  const body: List = response.json();
  t.equal(response.headers.link, body.next ? `<${body.next}>; rel="next"` : undefined, `the Link of ${url}`);
  return body;
};
/** The URL of the page after the one at a URL. */
const nextOf = (url: string, { next }: Pick<List, 'next'> = {}): string | undefined => {
  if (!next) return undefined;
  const { pathname, search } = new URL(next, `http://x${url}`);
  return pathname + search;
};
/** All pages from this one on. */
const walk = async (url: string): Promise<List[]> => {
  const pages: List[] = [];
  for (let at: string | undefined = url; at !== undefined; at = nextOf(at, pages.at(-1)))
    pages.push(await list(at));
  return pages;
};
const ordersOf = (pages: List[]) => pages.flatMap(({ orders }) => orders);

t.test('no orders', async (t) => {
  t.strictSame(await list('/orders'), { total_orders: 0, orders: [] });
  t.strictSame(await list('/orders?limit=5'), { total_orders: 0, orders: [], next: null });
  t.strictSame(await list('/orders?status=x'), { orders: [], next: null });
  t.strictSame(await list('/orders?status=x&count=true'), { total_orders: 0, orders: [], next: null });
});

const accepted = variedOrders(250, NOON);
const all = newestFirst(accepted);
const shipped = all.filter(({ status }) => status === 'shipped');
const zoe = all.filter(({ customer_name }) => customer_name.startsWith('Zoë'));

t.test('all of them, in one answer', async (t) => {
  await insertAccepted(app.database.orm, accepted);
  await app.cache.lists.invalidate();
  t.strictSame(await list('/orders'), { total_orders: 250, orders: all });
  t.strictSame(await list('/orders?count=true'), { total_orders: 250, orders: all }, 'their number is there');
  t.strictSame(await list('/orders?page=7&sort=x&Limit=1'), { total_orders: 250, orders: all }, 'as ever');
});

t.test('pages', async (t) => {
  for (const [limit, pages] of [
    [1_000, 1],
    [250, 1],
    [249, 2],
    [125, 2],
    [7, 36],
  ] as const) {
    const found = await walk(`/orders?limit=${limit}`);
    t.strictSame(ordersOf(found), all, `of ${limit}`);
    t.equal(found.length, pages);
    for (const { total_orders } of found) t.equal(total_orders, 250);
  }
  const [first, second] = await walk('/orders?limit=1&status=shipped').then((pages) => {
    t.equal(pages.length, 125);
    t.strictSame(ordersOf(pages), shipped);
    return pages;
  });
  t.strictSame(first, {
    orders: shipped.slice(0, 1),
    next: `?limit=1&status=shipped&after=${shipped[0]?.order_id}`,
  });
  t.strictSame(second?.orders, shipped.slice(1, 2));
});

t.test('filters, with and without a number', async (t) => {
  const status = await list('/orders?status=Shipped');
  t.strictSame(status.orders, shipped.slice(0, 100), 'a page has 100 orders');
  t.notOk('total_orders' in status);
  t.equal(status.next, `?limit=100&status=Shipped&after=${shipped[99]?.order_id}`);

  const counted = await walk('/orders?status=shipped&count=true&limit=50');
  t.strictSame(ordersOf(counted), shipped);
  for (const { total_orders } of counted) t.equal(total_orders, 125);

  for (const name of ['Zoë & "Ω" 100%+', 'zoe', 'Zoë &']) {
    const found = await walk(
      `/orders?${new URLSearchParams({ customer_name: name, limit: '2', count: 'true' })}`,
    );
    t.strictSame(ordersOf(found), zoe, name);
    t.equal(found[0]?.total_orders, 5);
  }
  t.strictSame(ordersOf(await walk('/orders?customer_name=%25')), []);
  const both = await walk('/orders?customer_name=ada&status=on+its%20way&limit=9');
  t.strictSame(
    ordersOf(both),
    all.filter(({ customer_name, status }) => customer_name.startsWith('Ada') && status === 'on its way'),
  );
});

t.test('after an order', async (t) => {
  const place = 137;
  const id = all[place]?.order_id;
  const rest = all.slice(place + 1);
  t.strictSame((await list(`/orders?after=${id}`)).orders, rest.slice(0, 100));
  t.strictSame(ordersOf(await walk(`/orders?after=${id}&limit=20`)), rest);
  const filtered = await list(`/orders?after=${id}&customer_name=zoë`);
  t.strictSame(
    filtered.orders,
    rest.filter((order) => zoe.includes(order)),
    'also one that the filter does not let through',
  );
  const last = await list(`/orders?after=${all.at(-1)?.order_id}`);
  t.strictSame(last, { total_orders: 250, orders: [], next: null });
});

t.test('what cannot be asked', async (t) => {
  const table: [query: string, sentence: string][] = [
    ['limit=0', 'limit must be an integer from 1 to 1000, got 0.'],
    ['limit=1001', 'limit must be an integer from 1 to 1000, got 1001.'],
    ['limit=-1', 'limit must be an integer from 1 to 1000, got -1.'],
    ['limit=1.5', 'limit must be an integer from 1 to 1000, got 1.5.'],
    ['limit=', 'limit must be an integer from 1 to 1000, got "".'],
    ['limit=ten', 'limit must be an integer from 1 to 1000, got "ten".'],
    ['limit=1&limit=2', 'limit must be an integer from 1 to 1000, got a list of 2.'],
    ['after=7', 'after must be a UUID, got "7".'],
    ['after=', 'after must be a UUID, got "".'],
    [`after=${UNKNOWN.replace('8', 'G')}`, `after must be a UUID, got "${UNKNOWN.replace('8', 'g')}".`],
    ['status=', 'status must be a text of 1 to 20 characters, got "".'],
    [`status=${'x'.repeat(21)}`, `status must be a text of 1 to 20 characters, got "${'x'.repeat(21)}".`],
    ['customer_name=', 'customer_name must be a text of 1 to 80 characters, got "".'],
    ['count=1', 'count must be true or false, got "1".'],
    ['count=', 'count must be true or false, got "".'],
  ];
  for (const [query, error] of table) {
    const response = await get(`/orders?${query}`);
    t.equal(response.statusCode, 400, query);
    t.strictSame(response.json(), { error, code: 'invalid_input' });
  }
  const unknown = await get(`/orders?after=${UNKNOWN}`);
  t.equal(unknown.statusCode, 404);
  t.strictSame(unknown.json(), { error: `Order with ID '${UNKNOWN}' not found.`, code: 'order_not_found' });
  t.equal((await get(`/orders?customer_name=${'%F0%9F%A6%80'.repeat(80)}`)).statusCode, 200, '80 characters');
});

t.test('orders that are deleted, or come, between two pages', async (t) => {
  const first = await list('/orders?limit=10');
  const tenth = first.orders.at(-1)?.order_id;
  const eleventh = all[10]?.order_id;
  const remove = async (id: string | undefined, noted: boolean) => {
    const [order] = await stores.rows('SELECT accepted_at FROM orders WHERE id = ?', [id]);
    await stores.rows('DELETE FROM orders WHERE id = ?', [id]);
    await stores.rows('INSERT INTO deleted_orders (id, accepted_at, deleted_at) VALUES (?, ?, NOW(3))', [
      id,
      noted ? order?.accepted_at : null,
    ]);
    await stores.rows('UPDATE order_counts SET orders = orders - 1 LIMIT 1');
    await app.cache.lists.invalidate();
  };
  await remove(tenth, true);
  await remove(eleventh, true);
  await insertAccepted(app.database.orm, [anAcceptedOrder({}, NOON + 3_600_000)]);
  await app.cache.lists.invalidate();
  const second = await list(nextOf('/orders', first) ?? '');
  t.strictSame(second.orders, all.slice(11, 21), 'none twice, none left out');
  t.equal(second.total_orders, 249);

  await remove(all[30]?.order_id, false);
  const lost = await get(`/orders?limit=10&after=${all[30]?.order_id}`);
  t.equal(lost.statusCode, 404, 'nobody noted its place');
});

t.test('more than a thousand orders', async (t) => {
  const more = Array.from({ length: 2_000 }, (_, i) => anAcceptedOrder({}, NOON + Math.floor(i / 100)));
  await stores.rows('DELETE FROM orders');
  await stores.rows('DELETE FROM order_counts');
  for (const orders of [1_000, 1_001, 2_000]) {
    const [{ count } = { count: 0 }] = await stores.rows('SELECT COUNT(*) AS count FROM orders');
    await insertAccepted(app.database.orm, more.slice(count, orders));
    await app.cache.lists.invalidate();
    const expected = newestFirst(more.slice(0, orders));
    t.strictSame(await list('/orders'), { total_orders: orders, orders: expected });
    const pages = await walk('/orders?limit=1000');
    t.strictSame(ordersOf(pages), expected);
    t.equal(pages.length, Math.ceil(orders / 1_000));
  }
});
