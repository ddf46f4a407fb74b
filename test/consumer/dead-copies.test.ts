/** Dead letters are not readable, whichever of an order's writes they are; replayed, they are again. */
import t from 'tap';
import { v7 as uuidv7 } from 'uuid';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment({ MAX_ATTEMPTS: '1', ADMIN_PASSWORD: 'sesame' });
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const dead = `${stores.queue}.dead`;

const body = { customer_name: 'Ada', items: [{ name: 'A name that is too long', quantity: 1 }] };
const patch = (id: string, status: string) =>
  app.inject({ method: 'PATCH', url: `/orders/${id}/status`, payload: { status } });
const read = async (id: string) => {
  const answer = await app.inject(`/orders/${id}`);
  return answer.statusCode === 200 ? answer.json().status : answer.statusCode;
};
const admin = (what: string) =>
  app.inject({
    method: 'POST',
    url: `/admin/dead-letters/${what}`,
    headers: { 'x-admin-password': 'sesame' },
  });
const nameLength = (length: number) =>
  stores.rows(`ALTER TABLE order_items MODIFY item_name VARCHAR(${length}) NOT NULL`);

t.test('a POST and its PATCHes, then replayed, then discarded', async (t) => {
  await nameLength(5);
  const created = await app.inject({ method: 'POST', url: '/orders', payload: body });
  const id: string = created.json().order_id;
  await patch(id, 'packed');
  await patch(id, 'shipped');
  t.equal(await read(id), 'shipped');
  let consumer = startProcess(t, 'consumer', env);
  await until('they are dead letters', async () => (await stores.waiting(dead)) === 3);
  const copy = async () => (await stores.redis.get(`temp_order:${id}`)) ?? '';
  await until('nothing is left of it', async () => !/Ada|packed|shipped/.test(await copy()));
  t.equal(await read(id), 404);
  await consumer.end();

  t.strictSame((await admin('replay')).json(), { replayed: 3 });
  t.equal(await read(id), 'shipped', 'they wait again');
  consumer = startProcess(t, 'consumer', env);
  await until('they are dead letters again', async () => (await stores.waiting(dead)) === 3);
  await until('nothing is to be seen again', async () => (await read(id)) === 404);
  await nameLength(80);
  await admin('replay');
  await until('all is applied', async () => (await stores.order(id))?.status === 'shipped', 30_000);
  t.equal(await read(id), 'shipped');
  await consumer.end();
});

t.test('a PATCH that dies before its 202', async (t) => {
  const consumer = startProcess(t, 'consumer', env);
  await consumer.says('"consuming"');
  await stores.channel.purgeQueue(dead);
  const ids = Array.from({ length: 20 }, () => uuidv7());
  await Promise.all(ids.map((id) => patch(id, 'x')));
  await until('all are dead letters', async () => (await stores.waiting(dead)) === ids.length);
  for (const id of ids) {
    const copy = async () => (await stores.redis.get(`temp_order:${id}`)) ?? '';
    await until('nothing is left of it', async () => !(await copy()).includes('"status"'));
    t.equal(await read(id), 404);
  }
  await consumer.end();
});

t.test('a message that is no valid job, and its copy', async (t) => {
  const consumer = startProcess(t, 'consumer', env);
  await stores.channel.purgeQueue(dead);
  for (const version of [undefined, Date.now() * 1_000]) {
    const order_id = uuidv7();
    const order = {
      order_id,
      customer_name: 'Ada',
      status: 'received',
      items: [{ name: 'Tea', quantity: 0 }],
    };
    await stores.redis.set(`temp_order:${order_id}`, JSON.stringify({ ...order, version }), 'EX', 600);
    await stores.publish({ job_id: uuidv7(), type: 'create_order', payload: order, version });
    await until('nothing is to be seen', async () => (await read(order_id)) === 404);
  }
  t.equal(await stores.waiting(dead), 2);
  await consumer.end();
});
