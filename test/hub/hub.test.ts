/** The hub passes on what the journal says, whatever is in its way. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { loadConfig } from '../../process/config.ts';
import { connectOnce } from '../../queue/connection.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment({ MAX_ATTEMPTS: '1' });
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const exchange = loadConfig(env).rabbitmq.eventsExchange;
const rabbitmq = await connectOnce(loadConfig(env).rabbitmq, 'test');
t.teardown(() => rabbitmq.close());
const channel = await rabbitmq.createChannel();
await channel.assertExchange(exchange, 'topic', { durable: true });

/** A queue of somebody who wants these events. */
const bind = async (keys: string, options: object = {}): Promise<string> => {
  const name = `events_${randomUUID()}`;
  await channel.assertQueue(name, { durable: true, ...options });
  await channel.bindQueue(name, exchange, keys);
  return name;
};
const takeAll = async (queue: string) => {
  const messages = [];
  for (let message = await channel.get(queue, { noAck: true }); message; ) {
    messages.push({
      ...message.properties,
      key: message.fields.routingKey,
      body: JSON.parse(`${message.content}`),
    });
    message = await channel.get(queue, { noAck: true });
  }
  return messages;
};
const inject = async (method: 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) => {
  const answer = await app.inject({ method, url, ...(payload && { payload }) });
  t.equal(answer.statusCode, 202);
  return answer.json();
};
const items = [{ name: 'Tea', quantity: 2 }];
const post = (customer_name = 'Ada') => inject('POST', '/orders', { customer_name, items });
const states = async () =>
  (await stores.rows('SELECT state, COUNT(*) AS n FROM order_jobs GROUP BY state ORDER BY state')).map(
    ({ state, n }) => `${n} ${state}`,
  );
/** A hub yields to everything else, and tests beside this one keep the machine busy. */
const HUB_WITHIN_MS = 60_000;
const eventsInJournal = async () =>
  (await stores.rows('SELECT body FROM order_journal')).flatMap(({ body }) => JSON.parse(body)).length;
const journalIsEmpty = () =>
  until('the journal is passed on', async () => (await eventsInJournal()) === 0, HUB_WITHIN_MS);

t.test('an order’s events, as CloudEvents', async (t) => {
  const queue = await bind('#');
  const deletions = await bind('*.deleted');
  const consumer = startProcess(t, 'consumer', env);
  const created = await post('O’Brien "🦀"');
  const { order_id } = created;
  const changed = await inject('PATCH', `/orders/${order_id}/status`, { status: 'sent' });
  const deleted = await inject('DELETE', `/orders/${order_id}`);
  const lost = await inject('PATCH', `/orders/${randomUUID()}/status`, { status: 'lost' });
  await until(
    'all are done',
    async () => (await stores.waiting()) === 0 && (await stores.waiting(`${stores.queue}.dead`)) === 1,
  );
  await consumer.end();
  const hub = startProcess(t, 'hub', env);
  await journalIsEmpty();
  t.strictSame(await states(), ['3 succeeded', '1 dead']);
  const events = await takeAll(queue);
  const ofOrder = events.filter(({ body }) => body.source === `/orders/${order_id}`);
  t.strictSame(
    ofOrder.map(({ key, type, messageId }) => [key, type, messageId]),
    [
      ['order.created', 'order.created', created.job_id],
      ['order.status_changed', 'order.status_changed', changed.job_id],
      ['order.deleted', 'order.deleted', deleted.job_id],
    ],
  );
  for (const { contentType, deliveryMode, body, messageId, timestamp } of events) {
    t.equal(contentType, 'application/cloudevents+json; charset=utf-8');
    t.equal(deliveryMode, 2);
    t.match(body, {
      specversion: '1.0',
      id: messageId,
      datacontenttype: 'application/json',
      sequence: /^\d{16}$/,
    });
    t.equal(Math.floor(Date.parse(body.time) / 1000), timestamp);
  }
  const sequences = ofOrder.map(({ body }) => body.sequence);
  t.strictSame(sequences, sequences.toSorted());
  const order = { order_id, customer_name: 'O’Brien "🦀"', status: 'received', items };
  t.strictSame(
    ofOrder.map(({ body }) => body.data),
    [
      { ...order, job_id: created.job_id },
      { order_id, job_id: changed.job_id, status: 'sent' },
      { order_id, job_id: deleted.job_id },
    ],
  );
  const [dead] = events.filter(({ key }) => key === 'job.dead');
  t.match(dead?.body.data, { job_id: lost.job_id, reason: 'order_not_found', attempts: 1 });
  t.equal((await takeAll(deletions)).length, 1);
  await hub.end();
});

t.test('a job that is delivered again is told once', async (t) => {
  const queue = await bind('#');
  const consumer = startProcess(t, 'consumer', env);
  const payload = { order_id: randomUUID(), customer_name: 'Ada', items, status: 'x' };
  const job = { job_id: randomUUID(), type: 'create_order', payload };
  for (const _time of [1, 2, 3]) await stores.publish(job);
  await until('all are applied', async () => (await eventsInJournal()) === 3);
  await consumer.end();
  const hub = startProcess(t, 'hub', env);
  await journalIsEmpty();
  t.strictSame(
    (await takeAll(queue)).map(({ messageId }) => messageId),
    [job.job_id],
  );
  await hub.end();
});

t.test('a queue that refuses: jobs are known all the same, and its events come later', async (t) => {
  const queue = await bind('#', { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } });
  const hub = startProcess(t, 'hub', env);
  const consumer = startProcess(t, 'consumer', env);
  const before = (await states()).join();
  const made: string[] = [];
  for (let n = 0; n < 5; n++) made.push((await post()).job_id);
  await until(
    'the jobs are known',
    async () =>
      (await states()).join() === before.replace(/(\d+) succeeded/, (_, k) => `${Number(k) + 5} succeeded`),
    HUB_WITHIN_MS,
  );
  await hub.says('events for other services wait');
  const got = new Set<string>();
  await until(
    'all events have come',
    async () => {
      for (const { messageId } of await takeAll(queue)) got.add(messageId);
      return made.every((id) => got.has(id));
    },
    HUB_WITHIN_MS,
  );
  await channel.deleteQueue(queue);
  await hub.says('events for other services are published again');
  await journalIsEmpty();
  await consumer.end();
  await hub.end();
});

t.test(
  'a queue that is nearly always full gets each event, and those of an order in their order',
  async (t) => {
    const types = ['create_order', 'update_order_status', 'delete_order'];
    const told = Array.from({ length: 5 }, () => randomUUID()).flatMap((order_id) =>
      types.map((job_type, n) => ({
        job_id: `${n} of ${order_id}`,
        job_type,
        order_id,
        version: n + 1,
        state: 'succeeded',
        at: Date.now(),
        attempts: 1,
      })),
    );
    const queue = await bind('#', { arguments: { 'x-max-length': 4, 'x-overflow': 'reject-publish' } });
    await stores.rows('INSERT INTO order_journal (body) VALUES (?)', [JSON.stringify(told)]);
    const hub = startProcess(t, 'hub', env);
    const came: string[] = [];
    await until(
      'all events have come',
      async () => {
        came.push(...(await takeAll(queue)).map(({ messageId }) => messageId));
        return new Set(came).size === told.length;
      },
      60_000,
    );
    await journalIsEmpty();
    await channel.deleteQueue(queue);
    for (const id of new Set(told.map(({ order_id }) => order_id)))
      t.strictSame(
        came.filter((job) => job.endsWith(id)).map((job) => job[0]),
        ['0', '1', '2'],
      );
    await hub.end();
  },
);

t.test('hubs that are killed, one after the other', async (t) => {
  const queue = await bind('order.created');
  const consumer = startProcess(t, 'consumer', env);
  const countOrders = async () => Number((await stores.rows('SELECT COUNT(*) AS n FROM orders'))[0]?.n);
  const before = await countOrders();
  const made: string[] = [];
  let hubs = [startProcess(t, 'hub', env), startProcess(t, 'hub', env)];
  for (let round = 0; round < 6; round++) {
    for (let n = 0; n < 20; n++) made.push((await post()).job_id);
    const [leader, other] = hubs;
    await leader?.end('SIGKILL');
    hubs = [other, startProcess(t, 'hub', env)].filter((one) => one !== undefined);
  }
  await until('all are applied', async () => (await countOrders()) === before + made.length);
  await consumer.end();
  await journalIsEmpty();
  const ids = (await takeAll(queue)).map(({ messageId }) => messageId);
  t.strictSame([...new Set(ids)].sort(), made.toSorted(), 'each was told, at least once');
  const known = await stores.rows('SELECT job_id FROM order_jobs WHERE job_id IN (?)', [made]);
  t.equal(known.length, made.length);
  for (const hub of hubs) t.equal(await hub.end(), 0);
});
