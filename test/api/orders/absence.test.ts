/** "Not found" is said only where it is true. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import t from 'tap';
import { v7 as uuidv7 } from 'uuid';
import { freePort } from '../../../ops/ports.ts';
import { startRedis, stopServer } from '../../../ops/private-servers.ts';
import { scratchFolder } from '../../../testbed/scratch.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const folder = scratchFolder(t, stopServer);
const port = await freePort();
await startRedis({ folder, port });
const env = await isolatedEnvironment({
  REDIS_URL: `redis://127.0.0.1:${port}/0`,
  TEMP_ORDER_CACHE_TTL: '1',
});
const app = await startReadyApp(t, env);
const redis = new Redis({ port });
redis.on('error', () => {});
t.teardown(() => redis.disconnect());

const body = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
const read = async (id: string, from = app) => from.inject(`/orders/${id}`);
const statusOf = async (id: string, from = app) => (await read(id, from)).statusCode;
const post = async (headers = {}): Promise<string> => {
  const answer = await app.inject({ method: 'POST', url: '/orders', payload: body, headers });
  return answer.json().order_id;
};
const isReady = async () => (await app.inject('/health/ready')).json().status === 'ready';
/** Ids of each kind that nobody was ever given. */
const strangers = () => ['11111111-2222-8333-8444-555555555555', randomUUID(), uuidv7()];
const apply = async (ids: string[]) => {
  const consumer = startProcess(t, 'consumer', env);
  for (const id of ids) await until('it is applied', async () => (await statusOf(id)) === 200);
  return consumer;
};

t.test('a fresh service, without consumers and with one: 404 at once', async (t) => {
  for (const id of strangers()) t.equal(await statusOf(id), 404, id);
  const consumer = startProcess(t, 'consumer', env);
  await consumer.says('"consuming"');
  await redis.flushdb();
  for (const id of strangers())
    await until('the consumer says that it has nothing', async () => (await statusOf(id)) === 404);
  await consumer.end();
});

t.test('Redis is away, or refuses: what waits is unknown until it is applied', async (t) => {
  await redis.replicaof('127.0.0.1', 1);
  await until('Redis is out', async () => !(await isReady()));
  const ids = [await post(), await post({ 'idempotency-key': 'a' })];
  for (const id of [...ids, ...strangers()]) {
    const answer = await read(id);
    t.equal(answer.statusCode, 503);
    t.equal(answer.json().code, 'order_state_unknown');
    t.equal(answer.headers['retry-after'], '1');
  }
  t.equal(await statusOf(uuidv7({ msecs: Date.now() + 120_000 })), 404, 'from a time to come');
  t.equal(await statusOf('7'), 404, 'no id');
  const consumer = await apply(ids);
  for (const id of strangers())
    await until('what nobody was given is not found', async () => (await statusOf(id)) === 404);
  await consumer.end();
  await redis.replicaof('NO', 'ONE');
  await until('Redis is back', isReady);
});

t.test('a consumer holds what it has not applied', async (t) => {
  const consumer = startProcess(t, 'consumer', env);
  await consumer.says('"consuming"');
  await redis.replicaof('127.0.0.1', 1);
  await until('Redis is out', async () => !(await isReady()));
  consumer.child.kill('SIGSTOP');
  const id = await post();
  const stores = await openStores(t, { ...env });
  await until('the broker has delivered it', async () => (await stores.waiting()) === 0);
  t.equal(await statusOf(id), 503);
  t.equal(await statusOf(randomUUID()), 503);
  consumer.child.kill('SIGCONT');
  await until('it is applied', async () => (await statusOf(id)) === 200);
  await consumer.end();
  await redis.replicaof('NO', 'ONE');
  await until('Redis is back', isReady);
});

t.test(
  'what was lost with a flush, or expired, is unknown until it is applied; later ids are not',
  async (t) => {
    const flushed = await post();
    await redis.flushdb();
    t.equal(await statusOf(flushed), 503);
    for (const id of strangers().slice(0, 2)) t.equal(await statusOf(id), 503, 'it tells no time');
    await until('an id of later is not found', async () => (await statusOf(uuidv7())) === 404);
    const kept = await post();
    t.equal(await statusOf(kept), 200);
    t.equal(await statusOf(flushed), 503, 'still');

    const short = await startReadyApp(t, { ...env, TEMP_ORDER_PENDING_TTL: '1' });
    const answer = await short.inject({ method: 'POST', url: '/orders', payload: body });
    const { order_id: expired } = answer.json();
    t.equal(await statusOf(expired, short), 200);
    await until('its copy has expired', async () => (await redis.exists(`temp_order:${expired}`)) === 0);
    t.equal(await statusOf(expired, short), 503);

    const consumer = await apply([flushed, kept]);
    await app.inject({ method: 'DELETE', url: `/orders/${kept}` });
    await until('it is deleted', async () => (await statusOf(kept)) === 404);
    await consumer.end();
    await redis.flushdb();
    await post();
    t.equal(await statusOf(kept), 404, 'MySQL knows that it was deleted');
  },
);

t.test('a PATCH of an order whose copy was lost shows nothing of it', async (t) => {
  const id = await post();
  await redis.flushdb();
  await app.inject({ method: 'PATCH', url: `/orders/${id}/status`, payload: { status: 'x' } });
  t.equal(await statusOf(id), 503);
});

t.test('what was accepted while Redis was away is shown when it is back', async (t) => {
  await redis.replicaof('127.0.0.1', 1);
  await until('Redis is out', async () => !(await isReady()));
  const id = await post();
  await app.inject({ method: 'PATCH', url: `/orders/${id}/status`, payload: { status: 'packed' } });
  await redis.replicaof('NO', 'ONE');
  await until('Redis is back', isReady);
  t.equal((await read(id)).json().status, 'packed');
  t.equal(await statusOf(randomUUID()), 503, 'another process may have accepted it meanwhile');
});
