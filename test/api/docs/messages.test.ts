/** Real messages are as docs/asyncapi.json says. */
import t, { type Test } from 'tap';
import { cloudEventOf, eventTypes } from '../../../hub/cloud-events.ts';
import { loadConfig } from '../../../process/config.ts';
import { unobserved } from '../../../process/log-events.ts';
import { takeJobs } from '../../../queue/deliveries.ts';
import { openEventPublisher } from '../../../queue/events.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { openDocument } from '../../helpers/documents.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { openStores } from '../../helpers/stores.ts';

const ORDER = { customer_name: 'Zoë', items: [{ name: 'Tea', quantity: 1 }] };

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const { document, problem } = openDocument('docs/asyncapi.json');

type Message = Exclude<Awaited<ReturnType<typeof stores.take>>, boolean>;
const take = async (queue?: string): Promise<Message> => {
  let taken: Message | undefined;
  await until(`there is a message in ${queue ?? 'the queue of jobs'}`, async () => {
    const message = await stores.take(queue);
    if (message) taken = message;
    return taken !== undefined;
  });
  if (taken === undefined) throw new Error('until returned too early.');
  return taken;
};

/** The properties under the names of AMQP 0-9-1, without those that a message does not have. */
const propertiesOf = ({ properties }: Message) =>
  Object.fromEntries(
    Object.entries({
      content_type: properties.contentType,
      delivery_mode: properties.deliveryMode,
      message_id: properties.messageId,
      correlation_id: properties.correlationId,
      timestamp: properties.timestamp,
      type: properties.type,
    }).filter(([, value]) => value !== undefined),
  );

const check = (t: Test, name: string, message: Message) => {
  const at = ['components', 'messages', name];
  t.equal(problem([...at, 'headers'], message.properties.headers), '', `${name}: headers`);
  t.equal(problem([...at, 'x-amqp-properties'], propertiesOf(message)), '', `${name}: properties`);
  const text = message.content.toString();
  t.equal(problem([...at, 'payload'], JSON.parse(text)), '', `${name}: body`);
  const { messageType } = document.components.messages[name].bindings.amqp;
  t.equal(message.properties.type, messageType);
};

const writes = [
  ['createOrder', 'POST', '/orders', ORDER],
  ['updateOrderStatus', 'PATCH', '/orders/:id/status', { status: 'shipped' }],
  ['deleteOrder', 'DELETE', '/orders/:id', undefined],
] as const;
const ID = '00000000-0000-7000-8000-000000000001';

t.test('jobs of each type, with and without a key', async (t) => {
  t.strictSame(
    Object.keys(document.channels.jobs.messages),
    writes.map(([name]) => name),
  );
  for (const headers of [{}, { 'idempotency-key': 'once' }])
    for (const [name, method, path, payload] of writes) {
      const key = { 'idempotency-key': `${name} ${Object.values(headers)}` };
      const url = path.replace(':id', ID);
      const sent = { method, url, payload, headers: 'idempotency-key' in headers ? key : {} };
      t.equal((await app.inject(sent)).statusCode, 202);
      check(t, name, await take());
    }
});

t.test('jobs that failed, and dead letters', async (t) => {
  const failed: string[] = [];
  const jobs = await takeJobs(loadConfig(env).rabbitmq, unobserved, 10, async (delivery) => {
    const again = failed.includes(delivery.body.toString());
    failed.push(delivery.body.toString());
    if (delivery.body.length < 20) await delivery.deadLetter('invalid_message', 'It is none.');
    else if (again) await delivery.deadLetter('order_not_found', 'Again.');
    else await delivery.retry('order_not_found', 'There is no order.');
  });
  await app.inject({ method: 'DELETE', url: `/orders/${ID}` });
  const dead = await take(`${stores.queue}.dead`);
  t.equal(dead.properties.headers?.['x-attempts'], 2);
  check(t, 'deleteOrder', dead);
  const headers = ['components', 'messages', 'deadLetter', 'headers'];
  t.equal(problem(headers, dead.properties.headers), '');

  await stores.publish('no JSON', { headers: { CC: ['elsewhere'], mine: 1 } });
  const invalid = await take(`${stores.queue}.dead`);
  t.equal(problem(headers, invalid.properties.headers), '');
  t.type(invalid.properties.headers?.['x-dropped-headers'], 'string');
  await jobs.stop();
  await jobs.close();

  // What is documented is not just anything.
  t.not(problem(headers, { 'x-attempts': 1 }), '');
  t.not(
    problem(['components', 'messages', 'deleteOrder', 'payload'], { job_id: 'a', type: 'delete_order' }),
    '',
  );
});

t.test('events', async (t) => {
  const { messages, parameters } = document.channels.events;
  t.strictSame(parameters.type.enum, eventTypes);
  const names = Object.keys(messages);
  const order = { order_id: ID, ...ORDER, status: 'received' };
  const event = {
    job_id: 'a',
    order_id: ID,
    version: 5,
    at: Date.now(),
    attempts: 1,
    request_id: 'r',
    state: 'succeeded',
  } as const;
  for (const [at, told] of [
    [0, { ...event, job_type: 'create_order', order }],
    [0, { ...event, job_type: 'create_order' }],
    [1, { ...event, job_type: 'update_order_status', order: { order_id: ID, status: 'new' } }],
    [2, { ...event, job_type: 'delete_order' }],
    [3, { ...event, job_type: 'delete_order', state: 'dead', reason: 'order_not_found', error: 'None.' }],
  ] as const) {
    const published = cloudEventOf(told);
    const body = JSON.parse(String(published?.body()));
    t.equal(problem(['components', 'messages', names[at] ?? '', 'payload'], body), '', body.type);
    t.not(problem(['components', 'messages', names[(at + 1) % 4] ?? '', 'payload'], body), '');
  }

  const { channel } = stores;
  const { rabbitmq } = loadConfig(env);
  const publisher = await openEventPublisher(rabbitmq, unobserved);
  t.teardown(() => publisher.close());
  await until('the exchange is there', async () => (await publisher.publish([])).problem === undefined);
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, rabbitmq.eventsExchange, 'order.*');
  const told = cloudEventOf({ ...event, job_type: 'delete_order' });
  await publisher.publish(told ? [told] : []);
  const message = await take(queue);
  t.equal(problem(['components', 'schemas', 'EventProperties'], propertiesOf(message)), '');
  const { exchange } = document.channels.events.bindings.amqp;
  t.match(exchange, {
    name: loadConfig({ ...env, RABBITMQ_EVENTS_EXCHANGE: undefined }).rabbitmq.eventsExchange,
  });
  await channel.assertExchange(rabbitmq.eventsExchange, exchange.type, exchange);
});
