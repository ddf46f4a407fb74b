import t from 'tap';
import { loadConfig } from '../../config.ts';
import { createLog } from '../../log.ts';
import { type Broker, openBroker } from '../../queue/broker.ts';
import { PublishError } from '../../queue/publisher.ts';
import { deadQueue, RETRY_DELAYS_MS, retryQueue } from '../../queue/topology.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { openStores } from '../helpers/stores.ts';
import { until } from '../helpers/until.ts';

const reaches = (broker: Broker) =>
  broker.ping().then(
    () => true,
    () => false,
  );

const open = async (t: { teardown(work: () => unknown): unknown }, env: NodeJS.ProcessEnv) => {
  const broker = await openBroker(loadConfig(env).rabbitmq, createLog('silent', 'test'));
  t.teardown(() => broker.close());
  await until('the broker is reached', () => reaches(broker));
  return broker;
};

const body = Buffer.from('{"x": 1}');

t.test('what is confirmed is on the queue, persistent', async (t) => {
  const env = await isolatedEnvironment();
  const broker = await open(t, env);
  const stores = await openStores(t, env);
  await Promise.all(
    Array.from({ length: 500 }, (_, i) => broker.publish(broker.queue, body, { messageId: String(i) })),
  );
  t.equal(await stores.waiting(), 500);
  const message = await until('there is a message', () => stores.take());
  t.equal(message.properties.deliveryMode, 2);
});

t.test('a queue that is not there refuses, and only that message', async (t) => {
  const broker = await open(t, await isolatedEnvironment());
  const [lost, kept] = await Promise.allSettled([
    broker.publish('nowhere', body, { messageId: 'lost' }),
    broker.publish(broker.queue, body, { messageId: 'kept' }),
  ]);
  t.match(lost, {
    status: 'rejected',
    reason: { outcome: 'refused', message: 'There is no queue nowhere.' },
  });
  t.equal(kept.status, 'fulfilled');
});

t.test('the queues are durable, and a delayed message comes back to the queue of jobs', async (t) => {
  const env = await isolatedEnvironment();
  const broker = await open(t, env);
  const stores = await openStores(t, env);
  for (const name of [broker.queue, deadQueue(broker.queue)])
    await t.resolves(stores.channel.assertQueue(name, { durable: true }));
  await broker.publish(retryQueue(broker.queue, RETRY_DELAYS_MS[0]), body, { messageId: 'later' });
  const message = await until('it is back', () => stores.take());
  t.equal(message.content.toString(), body.toString());
});

t.test('purge takes the waiting jobs and leaves the dead letters', async (t) => {
  const env = await isolatedEnvironment();
  const broker = await open(t, env);
  const stores = await openStores(t, env);
  const queues = [broker.queue, retryQueue(broker.queue, 8_000), deadQueue(broker.queue)];
  for (const name of queues) await broker.publish(name, body, { messageId: name });
  await broker.purge();
  t.strictSame(await Promise.all(queues.map((name) => stores.waiting(name))), [0, 0, 1]);
});

t.test('a queue that exists with other arguments is used as it is', async (t) => {
  const env = await isolatedEnvironment();
  const stores = await openStores(t, env);
  await stores.channel.assertQueue(stores.queue, { durable: true, arguments: { 'x-max-length': 1_000_000 } });
  const broker = await open(t, env);
  await broker.publish(broker.queue, body, { messageId: '1' });
  t.equal(await stores.waiting(), 1);
});

t.test('a publish fails at once while there is no connection, and works again by itself', async (t) => {
  const env = await isolatedEnvironment();
  const broker = await open(t, env);
  broker.reconnect();
  const error = await broker.publish(broker.queue, body, { messageId: '1' }).catch((error) => error);
  t.ok(error instanceof PublishError);
  await until('the broker is reached again', () => reaches(broker));
  await t.resolves(broker.publish(broker.queue, body, { messageId: '2' }));
});
