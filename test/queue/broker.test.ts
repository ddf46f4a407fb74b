import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { observers } from '../../process/observer.ts';
import { kindOf } from '../../queue/arguments.ts';
import { type Broker, openBroker } from '../../queue/broker.ts';
import { connectOnce } from '../../queue/connection.ts';
import { PublishError } from '../../queue/errors.ts';
import { DELAYS_MS, deadQueue, delayAfter, retryQueue } from '../../queue/topology.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { untilDeclared } from '../helpers/queues.ts';
import { openStores } from '../helpers/stores.ts';

const reaches = (broker: Broker) =>
  broker.ping().then(
    () => true,
    () => false,
  );

const open = async (t: Teardown, env: NodeJS.ProcessEnv) => {
  const broker = await openBroker(loadConfig(env).rabbitmq, unobserved);
  t.teardown(() => broker.close());
  await until('the broker is reached', () => reaches(broker));
  await untilDeclared(env);
  return broker;
};

const body = Buffer.from('{"x": 1}');

/** How many system calls of this process have written something (proc_pid_io(5)). */
const systemWrites = async (): Promise<number> =>
  Number(/^syscw: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);

for (const type of ['quorum', 'classic'])
  t.test(`what is confirmed is on the ${type} queue, persistent`, async (t) => {
    const env = await isolatedEnvironment({ RABBITMQ_QUEUE_TYPE: type });
    const broker = await open(t, env);
    const stores = await openStores(t, env);
    const before = await systemWrites();
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => broker.publish(broker.queue, body, { messageId: String(i) })),
    );
    const writes = (await systemWrites()) - before;
    t.ok(writes < 100, `many leave in one write: ${writes} writes`);
    t.equal(await stores.waiting(), 500);
    const message = await until('there is a message', () => stores.take());
    t.equal(message.properties.deliveryMode, 2);
    // Only a quorum queue counts deliveries (https://www.rabbitmq.com/docs/quorum-queues).
    t.equal('x-delivery-count' in (message.properties.headers ?? {}), type === 'quorum');
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

for (const type of ['quorum', 'classic'])
  t.test(`a delayed message comes back to the ${type} queue of jobs`, async (t) => {
    const env = await isolatedEnvironment({ RABBITMQ_QUEUE_TYPE: type });
    const broker = await open(t, env);
    const stores = await openStores(t, env);
    const sent = performance.now();
    await broker.publish(retryQueue(broker.queue, delayAfter(1)), body, { messageId: 'later' });
    const message = await until('it is back', () => stores.take());
    t.equal(message.content.toString(), body.toString());
    t.ok(performance.now() - sent > delayAfter(1) * 0.9, 'not before its time');
  });

for (const type of ['quorum', 'classic'])
  t.test(`${type}: all queues are of one type, so that dead letters survive what jobs survive`, async (t) => {
    const env = await isolatedEnvironment({ RABBITMQ_QUEUE_TYPE: type });
    const { queue } = await open(t, env);
    const model = await connectOnce(loadConfig(env).rabbitmq, 'test');
    t.teardown(() => model.close());
    for (const name of [queue, deadQueue(queue), ...DELAYS_MS.map((ms) => retryQueue(queue, ms))])
      t.equal((await kindOf(model, name))?.type, type, name);
  });

t.test('what an older release has declared is used as it is', async (t) => {
  const env = await isolatedEnvironment();
  const stores = await openStores(t, env);
  const dead = deadQueue(stores.queue);
  await stores.channel.assertQueue(dead, { durable: true });
  const told: unknown[] = [];
  const broker = await openBroker(
    loadConfig(env).rabbitmq,
    observers(unobserved, { queueDiffers: ({ queue, reason }) => told.push([queue, reason]) }),
  );
  t.teardown(() => broker.close());
  await until('it is said', () => told.length > 0);
  t.match(told, [[dead, /x-queue-type.*current is none/]]);
  await broker.publish(dead, body, { messageId: '1' });
  t.equal(await stores.waiting(dead), 1);
});

t.test('the queues survive their connection and are durable', async (t) => {
  const env = await isolatedEnvironment({ RABBITMQ_QUEUE_TYPE: 'classic' });
  const broker = await open(t, env);
  const stores = await openStores(t, env);
  await broker.close();
  for (const name of [broker.queue, deadQueue(broker.queue)])
    await t.resolves(stores.channel.assertQueue(name, { durable: true }));
});

t.test('what a quorum queue gives up is in the dead letters', async (t) => {
  const env = await isolatedEnvironment();
  const broker = await open(t, env);
  const stores = await openStores(t, env);
  await broker.publish(broker.queue, body, { messageId: '1' });
  const message = await stores.channel.get(stores.queue);
  if (!message) return t.fail('there is no message');
  stores.channel.reject(message, false);
  await until('it is there', async () => (await stores.waiting(deadQueue(stores.queue))) === 1);
});

for (const type of ['quorum', 'classic'])
  t.test(`${type}: the head of the queue is purged, up to the first that is not to be`, async (t) => {
    const env = await isolatedEnvironment({ RABBITMQ_QUEUE_TYPE: type });
    const broker = await open(t, env);
    const stores = await openStores(t, env);
    const fill = async (from: number, to: number) => {
      for (let n = from; n < to; n++) await stores.publish(String(n));
    };
    const below = (bound: number) => (message: { content: Buffer }) =>
      Number(String(message.content)) < bound;
    const nextIs = async (n: number) =>
      t.equal(String((await until('there is one', () => stores.take())).content), String(n));
    await fill(0, 460);
    t.equal(await broker.purgeHead(100, below(1_000)), 100, 'no more than asked for');
    await until('the others are back', async () => (await stores.waiting()) === 360);
    t.equal(await broker.purgeHead(1_000, below(407)), 307);
    await until('the others are back', async () => (await stores.waiting()) === 53);
    await nextIs(407);
    await nextIs(408);
    t.equal(await broker.purgeHead(1_000, below(409)), 0);
    await until('all are back', async () => (await stores.waiting()) === 51);
    t.equal(await broker.purgeHead(1_000, () => true), 51, 'and it ends where nothing is left');
    t.equal(await broker.purgeHead(0, () => true), 0);
  });

t.test('a queue that exists with other arguments is used as it is', async (t) => {
  const env = await isolatedEnvironment();
  const stores = await openStores(t, env);
  await stores.channel.assertQueue(stores.queue, { durable: true, arguments: { 'x-max-length': 1_000_000 } });
  const broker = await open(t, env);
  await broker.publish(broker.queue, body, { messageId: '1' });
  t.equal(await stores.waiting(), 1);
});

t.test('a publish fails at once while there is no connection', async (t) => {
  const env = await isolatedEnvironment({ RABBITMQ_PORT: String(await freePort()) });
  const broker = await openBroker(loadConfig(env).rabbitmq, unobserved);
  t.teardown(() => broker.close());
  const started = performance.now();
  const error = await broker.publish(broker.queue, body, { messageId: '1' }).catch((error) => error);
  t.ok(error instanceof PublishError);
  t.equal(error.outcome, 'refused');
  t.ok(performance.now() - started < 500);
});

const write = {
  method: 'POST',
  url: '/orders',
  payload: { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] },
} as const;

t.test('MAX_BACKLOG: 503 while more jobs wait, until they are fewer', async (t) => {
  const env = await isolatedEnvironment({ MAX_BACKLOG: '2' });
  const app = await startReadyApp(t, env);
  const stores = await openStores(t, env);
  for (let i = 0; i < 3; i++) await stores.publish({});
  const refused = await until('writes are refused', async () => {
    const response = await app.inject(write);
    return response.statusCode === 503 && response;
  });
  t.strictSame(refused.json(), { error: 'Too many writes are waiting.', code: 'backlog_full' });
  t.equal(refused.headers['retry-after'], '1');
  const waiting = await stores.waiting();
  t.equal((await app.inject(write)).statusCode, 503);
  t.equal(await stores.waiting(), waiting, 'a refused write is not queued');
  await stores.channel.purgeQueue(stores.queue);
  await until('writes are taken again', async () => (await app.inject(write)).statusCode === 202);
});

t.test('MAX_BACKLOG=0: no limit', async (t) => {
  const env = await isolatedEnvironment({ MAX_BACKLOG: '0' });
  const app = await startReadyApp(t, env);
  const stores = await openStores(t, env);
  for (let i = 0; i < 3; i++) await stores.publish({});
  await sleep(1_500); // longer than it takes to look
  t.equal((await app.inject(write)).statusCode, 202);
});

t.test('a dead-letter queue that is deleted is there again for the next letter', async (t) => {
  const env = await isolatedEnvironment();
  const broker = await open(t, env);
  const stores = await openStores(t, env);
  const dead = deadQueue(broker.queue);
  const letter = (messageId: string) => broker.publish(dead, body, { messageId });
  // A quorum queue is to be seen before it is quite declared.
  await letter('before');
  await stores.channel.deleteQueue(dead);
  await t.rejects(letter('first'), { outcome: 'refused', message: `There is no queue ${dead}.` });
  await until(
    'a letter is taken',
    () =>
      letter('next').then(
        () => true,
        () => false,
      ),
    5_000,
  );
  t.equal(await stores.waiting(dead), 1);
});

t.test('a queue that is deleted under a running API comes back by itself', async (t) => {
  const env = await isolatedEnvironment();
  const app = await startReadyApp(t, env);
  const stores = await openStores(t, env);
  for (const name of [stores.queue, deadQueue(stores.queue)]) {
    await stores.channel.deleteQueue(stores.queue);
    await stores.channel.deleteQueue(name);
    t.equal((await app.inject(write)).statusCode, 503);
    await until('writes are taken again', async () => (await app.inject(write)).statusCode === 202, 8_000);
    t.equal(await stores.waiting(deadQueue(stores.queue)), 0, 'the dead letters are there');
  }
});
