/** Everything at once over real HTTP: several API and consumer processes, and what the stores hold in the end. */
import t from 'tap';
import { freePort } from '../ops/ports.ts';
import { until } from '../testbed/until.ts';
import { isolatedEnvironment } from './helpers/environment.ts';
import { startService } from './helpers/processes.ts';
import { openStores } from './helpers/stores.ts';

const ORDERS = 300;
const CLIENTS = 10;
const CONSUMERS = 3;

const port = await freePort();
const env = await isolatedEnvironment({ PORT: String(port), API_WORKERS: '2', SIMULATED_WRITE_LAG: '0.01' });
const stores = await openStores(t, env);
const { consumers } = await startService(t, env, { consumers: CONSUMERS });

interface Answer {
  order_id: string;
  status: string;
  total_orders: number;
}

const call = async (method: string, path: string, body?: object) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer };
};

t.test('orders flow from HTTP into MySQL and back', async (t) => {
  const expected = new Map<string, object | undefined>();
  const problems: string[] = [];
  const expect = (ok: boolean, problem: string) => ok || problems.push(problem);

  const live = async (n: number) => {
    const order = { customer_name: `Customer ${n} 🦀`, items: [{ name: `Item ${n}`, quantity: n + 1 }] };
    const created = await call('POST', '/orders', order);
    expect(created.status === 202, `POST ${created.status}`);
    const { order_id } = created.body;
    const path = `/orders/${order_id}`;
    const read = async (status: string) => {
      const { body } = await call('GET', path);
      expect(body.status === status, `GET ${JSON.stringify(body)} where ${status} was expected`);
    };
    await read('received');
    expected.set(order_id, { order_id, ...order, status: 'received' });
    if (n % 3 === 0) {
      expect((await call('PATCH', `${path}/status`, { status: 'shipped' })).status === 202, 'PATCH');
      await read('shipped');
      expected.set(order_id, { order_id, ...order, status: 'shipped' });
    }
    if (n % 5 === 0) {
      expect((await call('DELETE', path)).status === 202, 'DELETE');
      const { status, body } = await call('GET', path);
      expect(status === 404 || body.status === 'deleting', `GET after DELETE ${JSON.stringify(body)}`);
      expected.set(order_id, undefined);
    }
  };

  let next = 0;
  const client = async () => {
    while (next < ORDERS) await live(next++);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  t.strictSame(problems, []);

  const alive = [...expected.values()].filter(Boolean).length;
  await until(
    'everything is applied',
    async () => {
      const [row] = await stores.rows(
        `SELECT (SELECT COUNT(*) FROM orders) AS alive, (SELECT COUNT(*) FROM deleted_orders) AS deleted,
                (SELECT COUNT(*) FROM orders WHERE status = 'shipped') AS shipped`,
      );
      const shipped = [...expected.values()].filter((order) =>
        JSON.stringify(order)?.includes('shipped'),
      ).length;
      return row?.alive === alive && row.deleted === ORDERS - alive && row.shipped === shipped;
    },
    60_000,
  );

  await stores.redis.flushdb();
  for (const [id, order] of expected) {
    const { status, body } = await call('GET', `/orders/${id}`);
    if (order) t.strictSame(body, order);
    else t.equal(status, 404);
  }
  const list = (await call('GET', '/orders')).body;
  t.equal(list.total_orders, alive);
  t.equal(await stores.waiting(), 0);
  t.equal(await stores.waiting(`${stores.queue}.dead`), 0);
  for (const consumer of consumers) t.match(consumer.output(), '"applied":', 'each consumer had its share');
  t.notMatch(consumers.map((consumer) => consumer.output()).join(), '"level":50');
});
