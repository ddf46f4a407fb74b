/** A broker that takes back what a consumer has held for too long (https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout). */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { startRabbitmq, stopServer } from '../../ops/private-servers.ts';
import { rabbitmqctl } from '../../testbed/rabbitmqctl.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

t.test('consumer_timeout: the consumer comes back, and what it was at is applied once', async (t) => {
  const folder = scratchFolder(t, stopServer);
  const port = await freePort();
  await startRabbitmq({ folder, port, user: 'orders', password: 'orders' });
  // By default half an hour, and looked at once a minute.
  for (const setting of ['consumer_timeout', 'channel_tick_interval'])
    await rabbitmqctl(folder, 'eval', `application:set_env(rabbit, ${setting}, 1000).`);

  const env = await isolatedEnvironment({ RABBITMQ_PORT: String(port), SIMULATED_WRITE_LAG: '4' });
  const stores = await openStores(t, env);
  const consumer = startProcess(t, 'consumer', { ...env, LOG_LEVEL: 'debug' });
  await consumer.says('consuming');
  const order_id = randomUUID();
  const items = [{ name: 'Tea', quantity: 1 }];
  const payload = { order_id, customer_name: 'Ada', status: 'received', items };
  await stores.publish({ job_id: randomUUID(), type: 'create_order', payload });

  await consumer.says('delivery acknowledgement on channel');
  await until('the order is there', () => stores.order(order_id), 30_000);
  await consumer.says('"outcome":"unchanged"');
  await until('the queue is empty', async () => (await stores.waiting()) === 0);
  t.equal((await stores.rows('SELECT id FROM orders')).length, 1);
  t.equal((await stores.order(order_id))?.items.length, 1);
  t.equal(await consumer.end(), 0, 'the same process all the time');
  t.equal(await stores.waiting(), 0);
});
