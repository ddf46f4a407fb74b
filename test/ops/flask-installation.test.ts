/** A Flask installation with rows, jobs that wait, copies in Redis and a .env of its own: start_services.sh takes it over. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { connectionOptions } from '../../db/client.ts';
import { loadConfig } from '../../process/config.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { flaskJob, flaskTables } from '../helpers/flask.ts';
import { openStores } from '../helpers/stores.ts';
import { makeCheckout } from './checkout.ts';

/** The owner's file. DATABASE_URL is what the Flask service fell back to where the others were missing. */
const dotenvOf = (env: NodeJS.ProcessEnv): string => `
DATABASE_URL=sqlite:///database.db
DB_HOST=${env.DB_HOST}
DB_PORT=${env.DB_PORT}
DB_USER=${env.DB_USER}
DB_PASS="${env.DB_PASS}"
DB_NAME=${env.DB_NAME}
REDIS_URL=${env.REDIS_URL}
RABBITMQ_HOST=${env.RABBITMQ_HOST}
RABBITMQ_PORT=${env.RABBITMQ_PORT}
RABBITMQ_USER=${env.RABBITMQ_USER}
RABBITMQ_PASSWORD=${env.RABBITMQ_PASSWORD}
RABBITMQ_QUEUE_NAME=${env.RABBITMQ_QUEUE_NAME}
MQ_USE_SSL=False
CACHE_DISABLED=False
ORDERS_CACHE_TTL=30
TEMP_ORDER_CACHE_TTL=60
API_WORKERS=1
API_THREADS=4
WORKER_COUNT=1
ADMIN_PASSWORD='sesame'
ACCESS_LOG_FORMAT='%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
`;
/** What the checkout of a test sets so that its own servers are used. */
const unset = Object.fromEntries(
  ['DB_PORT', 'REDIS_URL', 'RABBITMQ_PORT', 'API_WORKERS', 'WORKER_COUNT'].map((name) => [name, undefined]),
);

interface Listed {
  total_orders: number;
  orders: { order_id: string }[];
  next?: string;
}

t.test('it is taken over as it stands', async (t) => {
  const env = await isolatedEnvironment();
  env.DB_NAME = `flask_${randomUUID().slice(0, 8)}`;
  const admin = await createConnection(connectionOptions({ ...loadConfig(env).mysql, database: 'mysql' }));
  await admin.query(`CREATE DATABASE ${env.DB_NAME} CHARACTER SET latin1`);
  await admin.end();
  const stores = await openStores(t, env);
  for (const statement of flaskTables) await stores.rows(statement);
  const old = Array.from({ length: 120 }, (_, i) => ({
    order_id: randomUUID(),
    customer_name: `Zoë ${i}`,
    status: 'received',
    items: [
      { name: `Tee ${i}`, quantity: 3 },
      { name: 'Brot', quantity: 1 },
      { name: 'Äpfel', quantity: 2 },
    ],
  }));
  for (const { order_id, customer_name, status, items } of old) {
    await stores.rows('INSERT INTO orders VALUES (?, ?, ?)', [order_id, customer_name, status]);
    for (const { name, quantity } of items)
      await stores.rows('INSERT INTO order_items (item_name, quantity, order_id) VALUES (?, ?, ?)', [
        name,
        quantity,
        order_id,
      ]);
  }
  const [patched, deleted, ...untouched] = old;
  if (!patched || !deleted) throw new Error('There are old orders.');
  await stores.channel.assertQueue(stores.queue, { durable: true });
  const waiting = { ...patched, order_id: randomUUID(), customer_name: 'Waits' };
  await stores.publish(flaskJob('create_order', waiting));
  await stores.publish(flaskJob('update_order_status', { order_id: patched.order_id, status: 'packed' }));
  await stores.publish(flaskJob('delete_order', { order_id: deleted.order_id }));
  await stores.redis.setex(`temp_order:${waiting.order_id}`, 60, JSON.stringify(waiting));
  await stores.redis.setex(
    `temp_order:${deleted.order_id}`,
    60,
    JSON.stringify({ ...deleted, status: 'deleting' }),
  );
  await stores.redis.set('orders:list:version', '7');

  const { folder, url, start } = await makeCheckout(t);
  writeFileSync(join(folder, '.env'), dotenvOf(env));
  const { code, output } = await start(unset);
  t.equal(code, 0, output);
  const get = async <Body = unknown>(path: string) => {
    const response = await fetch(url + path);
    return { status: response.status, body: (await response.json()) as Body };
  };
  const list = async (query = '') => (await get<Listed>(`/orders${query}`)).body;

  await t.test('every old order, and its items in order', async (t) => {
    for (const order of untouched)
      t.strictSame(await get(`/orders/${order.order_id}`), { status: 200, body: order });
  });

  await t.test('what waited in its classic queue is applied', async (t) => {
    await until('all three are applied', async () => {
      const [created, changed, gone] = await Promise.all(
        [waiting, patched, deleted].map((one) => stores.order(one.order_id)),
      );
      return created?.customer_name === 'Waits' && changed?.status === 'packed' && gone === undefined;
    });
    t.match(await get(`/orders/${waiting.order_id}`), { status: 200, body: waiting });
    t.match(await get(`/orders/${patched.order_id}`), {
      status: 200,
      body: { status: 'packed', items: patched.items },
    });
    t.equal((await get(`/orders/${deleted.order_id}`)).status, 404);
  });

  await t.test('lists, pages and their number', async (t) => {
    const { total_orders, orders } = await list();
    t.equal(total_orders, old.length);
    t.equal(orders.length, old.length);
    const first = await list('?limit=50&count=true');
    t.equal(first.orders.length, 50);
    t.equal(orders[0]?.order_id, waiting.order_id, 'the one accepted last comes first');
  });

  await t.test('new writes, and an old order changed', async (t) => {
    const send = async (method: string, path: string, body: object) => {
      const response = await fetch(url + path, {
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      t.equal(response.status, 202);
      return ((await response.json()) as { order_id: string }).order_id;
    };
    const [changing] = untouched;
    if (!changing) throw new Error('There are old orders.');
    const id = await send('POST', '/orders', { customer_name: 'New', items: [{ name: 'Tea', quantity: 1 }] });
    await send('PATCH', `/orders/${changing.order_id}/status`, { status: 'shipped' });
    await until('they are applied', async () => {
      const [created, changed] = await Promise.all([stores.order(id), stores.order(changing.order_id)]);
      return created !== undefined && changed?.status === 'shipped';
    });
    t.match(await get(`/orders/${changing.order_id}`), {
      body: { status: 'shipped', items: changing.items },
    });
    await until(
      'the new one is the first of the list',
      async () => (await list()).orders[0]?.order_id === id,
    );
  });

  await t.test(
    'an INSERT that names the old columns is read, listed and counted within a minute',
    async (t) => {
      const id = randomUUID();
      const before = (await list()).total_orders;
      await stores.rows("INSERT INTO orders (id, customer_name, status) VALUES (?, 'By hand', 'received')", [
        id,
      ]);
      await stores.rows("INSERT INTO order_items (item_name, quantity, order_id) VALUES ('Tea', 1, ?)", [id]);
      t.match(await get(`/orders/${id}`), {
        status: 200,
        body: { customer_name: 'By hand', items: [{ name: 'Tea' }] },
      });
      await until(
        'it is counted and listed',
        async () => {
          const { total_orders, orders } = await list();
          return total_orders === before + 1 && orders[0]?.order_id === id;
        },
        60_000,
      );
    },
  );
});
