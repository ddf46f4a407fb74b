/** How much lists may use, whoever asks for them and however slowly they are read. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import type { Order } from '../../../domain/order.ts';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { times } from '../../helpers/lists.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const ORDERS = 100;
const ITEMS = 1_000;

const env = await isolatedEnvironment({
  LIST_MEMORY_MB: '4',
  API_WORKERS: '1',
  PORT: String(await freePort()),
});
const stores = await openStores(t, env);
const DIGIT = `(SELECT 0 d ${Array.from({ length: 9 }, (_, i) => `UNION SELECT ${i + 1}`).join(' ')})`;
await stores.rows(
  `INSERT INTO orders (id, customer_name, status, accepted_at)
   SELECT UUID(), 'Ada', 'received', FROM_UNIXTIME(1700000000 + a.d + 10 * b.d) FROM ${DIGIT} a, ${DIGIT} b`,
);
await stores.rows(
  `INSERT INTO order_items (order_id, item_name, quantity)
   SELECT id, CONCAT('Item ', a.d, b.d, c.d, ' of a long order'), 1 FROM orders, ${DIGIT} a, ${DIGIT} b, ${DIGIT} c`,
);
await stores.rows(
  `INSERT INTO order_counts (slot, orders) VALUES (0, ${ORDERS}) ON DUPLICATE KEY UPDATE orders = ${ORDERS}`,
);
await stores.rows('ANALYZE TABLE orders, order_items');

const url = `http://127.0.0.1:${env.PORT}`;
const api = startProcess(t, 'api', env);
await api.says('listening');
const worker = Number(
  readFileSync(`/proc/${api.child.pid}/task/${api.child.pid}/children`, 'utf8').split(' ')[0],
);
/** The most memory that a process has had. */
const mostMb = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${worker}/status`, 'utf8'))?.[1]) / 1_024;

interface Page {
  total_orders?: number;
  orders: Order[];
  next?: string | null;
}
const isWhole = ({ orders }: Page) => orders.every(({ items }) => items.length === ITEMS);

/** A client that asks for a list and does not read the answer. */
const askAndWait = (path: string): Socket => {
  const socket = connect(Number(env.PORT), '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  t.teardown(() => socket.destroy());
  return socket;
};

/** How many statements of other connections run in the test's database. */
const statements = async (): Promise<number> => {
  const [row] = await stores.rows(
    "SELECT COUNT(*) AS count FROM information_schema.processlist WHERE db = ? AND command <> 'Sleep' AND id <> CONNECTION_ID()",
    [env.DB_NAME],
  );
  return Number(row?.count);
};

t.test('an answer that is too large to be held is all there, and so is its next page', async (t) => {
  const before = mostMb();
  const response = await fetch(`${url}/orders?limit=90`);
  t.equal(response.status, 200);
  const page = (await response.json()) as Page;
  t.equal(page.total_orders, ORDERS);
  t.equal(page.orders.length, 90);
  t.ok(isWhole(page));
  t.match(page.next, /^\?limit=90&after=/);
  t.equal(response.headers.get('link'), `<${page.next}>; rel="next"`);
  const rest = (await (await fetch(`${url}/orders${page.next}`)).json()) as Page;
  t.equal(rest.next, null);
  const all = (await (await fetch(`${url}/orders`)).json()) as Page;
  t.strictSame(Object.keys(all), ['total_orders', 'orders']);
  t.strictSame(all, { total_orders: ORDERS, orders: [...page.orders, ...rest.orders] });

  const compressed = await fetch(`${url}/orders?limit=90`, { headers: { 'accept-encoding': 'gzip' } });
  t.equal(compressed.headers.get('content-encoding'), 'gzip');
  t.strictSame(await compressed.json(), page);
  const head = await fetch(`${url}/orders?limit=90`, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.headers.get('content-length'), null, 'nobody knows it');
  t.equal(head.headers.get('link'), `<${page.next}>; rel="next"`);
  t.ok(mostMb() - before < 60, `${before} MB, then ${mostMb()} MB`);
});

t.test('many at once are answered, or told to try again, and take no more', async (t) => {
  const before = mostMb();
  const found = await Promise.all(
    Array.from({ length: 16 }, async (_, i) => {
      const response = await fetch(`${url}/orders?limit=${ORDERS - i}`);
      const body = (await response.json()) as Page & { error?: string };
      return { status: response.status, retryAfter: response.headers.get('retry-after'), body };
    }),
  );
  for (const { status, retryAfter, body } of found)
    if (status === 200) t.ok(isWhole(body));
    else {
      t.equal(status, 503);
      t.equal(retryAfter, '1');
      t.match(body, { error: /large lists/ });
    }
  t.ok(found.some(({ status }) => status === 200));
  t.ok(found.some(({ status }) => status === 503));
  t.ok(mostMb() - before < 100, `${before} MB, then ${mostMb()} MB`);
  await until('no statement is left', async () => (await statements()) === 0);
});

t.test('clients that do not read', async (t) => {
  const before = mostMb();
  const sockets = times(60, () => askAndWait('/orders')).concat(
    Array.from({ length: 40 }, (_, i) => askAndWait(`/orders?limit=${i + 1}`)),
  );
  // Small lists and single orders are still there for others.
  const id = (await stores.rows('SELECT id FROM orders LIMIT 1'))[0]?.id;
  await until('others are served', async () => (await fetch(`${url}/orders/${id}`)).status === 200);
  await until('what is too much is refused', async () => (await fetch(`${url}/orders`)).status === 503);
  t.ok(mostMb() - before < 100, `${before} MB, then ${mostMb()} MB`);
  for (const socket of sockets) socket.destroy();
  await until('statements end with their clients', async () => (await statements()) === 0);
  await until('and all is as before', async () => (await fetch(`${url}/orders?limit=50`)).status === 200);
});

t.test('a client that leaves ends its statement, also one that waits for a lock', async (t) => {
  const locker = await openStores(t, env);
  await locker.rows('LOCK TABLES orders WRITE, order_items WRITE, order_counts WRITE, deleted_orders WRITE');
  for (const path of [
    '/orders?limit=41',
    '/orders?limit=500',
    '/orders',
    `/orders?after=${'0'.repeat(8)}-0000-7000-8000-000000000000`,
  ]) {
    const [first, second] = [askAndWait(path), askAndWait(path)];
    await until(`the statement of ${path} waits`, async () => (await statements()) > 0);
    first.destroy();
    second.destroy();
    await until('it has ended', async () => (await statements()) === 0);
  }
  const leaver = askAndWait('/orders?limit=42');
  await until('it waits', async () => (await statements()) === 1);
  const stays = fetch(`${url}/orders?limit=42`);
  leaver.destroy();
  await once(leaver, 'close');
  await locker.rows('UNLOCK TABLES');
  t.equal((await stays).status, 200, 'somebody else still wanted it');
});

t.test('SIGTERM does not wait for clients that do not read', async (t) => {
  askAndWait('/orders');
  askAndWait('/orders?limit=20');
  await until('one is being read for', async () => (await statements()) > 0);
  const asked = performance.now();
  t.equal(await api.end('SIGTERM'), 0);
  const ms = performance.now() - asked;
  t.ok(ms < 12_000, `${ms} ms`);
  t.notMatch(api.output(), /did not finish in time/);
});
