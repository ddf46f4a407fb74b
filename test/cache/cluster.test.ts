/** A Redis in cluster mode, as far as one client can use it: one that has all the slots. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { requireProgram, startServer } from '../../ops/private/server.ts';
import { stopServer } from '../../ops/private-servers.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { anOrder, openReadyCache, VERSION } from '../helpers/pending.ts';

const folder = scratchFolder(t, stopServer);
const port = await freePort();
const file = join(folder, 'redis.conf');
const settings = [
  'bind 127.0.0.1',
  `port ${port}`,
  'cluster-enabled yes',
  `cluster-port ${await freePort()}`,
  'save ""',
  'set-proc-title no',
];
writeFileSync(file, settings.join('\n'));
const command = requireProgram('redis-server', 'valkey-server');
await startServer({ backend: 'redis', folder, port, command, args: [file], env: process.env });
const redis = new Redis({ port });
t.teardown(() => redis.disconnect());
await redis.cluster('ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => slot));

const env = await isolatedEnvironment({ REDIS_URL: `redis://127.0.0.1:${port}/0` });
await until('the cluster is up', async () => (await redis.cluster('INFO')).includes('cluster_state:ok'));
const { pending, orders: answers, ping } = await openReadyCache(t, env);

t.test('orders of many slots are settled', async (t) => {
  const orders = Array.from({ length: 120 }, () => anOrder());
  for (const order of orders) t.ok(await pending.put(order.order_id, JSON.stringify(order), VERSION));
  await pending.settle(
    orders.map(({ order_id: orderId }) => ({ orderId, state: VERSION + 1, versioned: true })),
  );
  for (const { order_id } of orders) t.equal(await pending.find(order_id), undefined, 'MySQL is newer');
});

t.test('both keys of an order are in one slot, and so are an answer and its guard', async (t) => {
  await t.resolves(ping());
  for (const order of Array.from({ length: 20 }, () => anOrder())) {
    const id = order.order_id;
    await pending.put(id, JSON.stringify(order), VERSION);
    const version = (await pending.reserve(id)) ?? 0;
    await pending.showStatus(id, version, 'packed');
    t.match(await pending.find(id), { kind: 'order', version });
    await pending.giveUp(id, version, false);
    await pending.settle([{ orderId: id, state: 'deleted', versioned: true }]);
    t.strictSame(await pending.find(id), { kind: 'deleted' });

    await answers.putDetail(id, Buffer.from('first'));
    t.equal(String(await answers.findDetail(id)), 'first');
    await answers.invalidateDetails([id]);
    await answers.putDetail(id, Buffer.from('old'));
    t.equal(await answers.findDetail(id), null);
  }
  await pending.removeUpTo(Number.MAX_SAFE_INTEGER);
  t.strictSame(await redis.keys('*temp_order:*'), []);
});
