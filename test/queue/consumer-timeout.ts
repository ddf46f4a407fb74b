/** A broker that takes back what a consumer has held for too long (https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout). */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { erlang } from '../../testbed/rabbitmqctl.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';
import type { OwnBroker } from './own-broker.ts';

/** By default half an hour, and looked at once a minute. */
const SHORT = ['consumer_timeout', 'channel_tick_interval'].map((name) => erlang.setVariable(name, 1_000));
const DEFAULTS = [
  erlang.setVariable('consumer_timeout', 1_800_000),
  erlang.setVariable('channel_tick_interval', 60_000),
];

/** The consumer comes back, and what it was at is applied once. */
export const testConsumerTimeout = async (t: Test, { port, evaluate }: OwnBroker): Promise<void> => {
  await evaluate(SHORT.join());
  t.teardown(() => evaluate(DEFAULTS.join()));
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
};
