/** Makes docs/asyncapi.json from the schemas of the jobs. Not loaded by the service, which serves the file. */
import { Type } from '@sinclair/typebox';
import { type JobType, jobSchemas } from '../../domain/jobs.ts';
import { Order, OrderItem } from '../../domain/order.ts';
import { DeadHeaders, JobHeaders, JobProperties } from '../../queue/messages.ts';
import { DELAYS_MS, deadQueue, retryQueue } from '../../queue/topology.ts';
import { EventProperties, eventMessages, eventTypes } from './events.ts';
import { sharing } from './schemas.ts';

const QUEUE = 'order_write_jobs';
const ORDER_ID = '01a1fc79-708d-709e-9c18-29dbdfffe8dd';
const JOB_ID = '01a1fc79-708f-7028-9eaa-63ae2e857997';
const shared = { OrderItem, Order, JobHeaders, JobProperties, DeadHeaders, EventProperties };
const EXCHANGE = 'order_events';

const introduction = `The queue through which writes reach the database. The API publishes a job before it answers \`202\`, consumers apply jobs, and what cannot be applied is kept in the dead letters. Another program may publish jobs as well.

A job may come more than once, and jobs of one order may come in any order: the \`version\` decides. A job that fails comes back after ${DELAYS_MS.map((ms) => ms / 1000).join(', ')} s, the last of these again and again, until it has failed \`MAX_ATTEMPTS\` times. Meanwhile it waits in a delay queue, ${DELAYS_MS.map((ms) => `\`${retryQueue(QUEUE, ms)}\``).join(', ')}.

What has happened is told to other services through an exchange, as CloudEvents 1.0.

The names are those of the default settings: those of queues begin with \`RABBITMQ_QUEUE_NAME\`, that of the exchange is \`RABBITMQ_EVENTS_EXCHANGE\`. The properties of a message as AMQP 0-9-1 has them are in \`x-amqp-properties\`.`;

const queue = (name: string) => ({
  amqp: {
    is: 'queue',
    queue: { name, durable: true, exclusive: false, autoDelete: false, vhost: '/' },
    bindingVersion: '0.3.0',
  },
});
const sending = {
  amqp: { deliveryMode: 2, mandatory: true, timestamp: true, bindingVersion: '0.3.0' },
};
const receiving = { amqp: { ack: true, bindingVersion: '0.3.0' } };

interface Job {
  name: string;
  summary: string;
  payload: object;
}
const jobs: Record<JobType, Job> = {
  create_order: {
    name: 'createOrder',
    summary: 'An order is created.',
    payload: {
      order_id: ORDER_ID,
      customer_name: 'Ada',
      status: 'received',
      items: [{ name: 'Tea', quantity: 2 }],
    },
  },
  update_order_status: {
    name: 'updateOrderStatus',
    summary: 'The status of an order is changed.',
    payload: { order_id: ORDER_ID, status: 'shipped' },
  },
  delete_order: {
    name: 'deleteOrder',
    summary: 'An order is deleted.',
    payload: { order_id: ORDER_ID },
  },
};

const jobMessages = Object.entries(jobs).map(([type, { name, summary, payload }]) => {
  const job = { job_id: JOB_ID, type, payload, version: 1_769_860_800_000_000 };
  return [
    name,
    {
      name: type,
      title: type,
      summary,
      contentType: 'application/json',
      headers: JobHeaders,
      payload: jobSchemas[type as JobType],
      bindings: { amqp: { messageType: type, bindingVersion: '0.3.0' } },
      examples: [{ payload: { ...job, accepted_at: '2026-01-31T12:00:00.000Z' } }],
      'x-amqp-properties': JobProperties,
    },
  ] as const;
});

const deadLetter = {
  name: 'dead_letter',
  title: 'Dead letter',
  summary: 'A message that could not be applied, byte for byte as it came.',
  description:
    'It need not be JSON: an invalid message is a dead letter as well. A message that cannot be published again with its headers is moved by the broker, and then has no `x-` header but `x-death`.',
  headers: Type.Union([
    DeadHeaders,
    Type.Object({ 'x-death': Type.Array(Type.Object({}), { description: "The broker's own." }) }),
  ]),
  payload: { description: 'Anything.' },
  examples: [
    {
      headers: {
        'x-attempts': 5,
        'x-reason': 'order_not_found',
        'x-error': `There is no order ${ORDER_ID}.`,
        'x-first-failed-at': '2026-01-31T12:00:00.000Z',
        'x-last-failed-at': '2026-01-31T12:01:21.000Z',
        'x-queue': QUEUE,
      },
      payload: { job_id: JOB_ID, type: 'delete_order', payload: { order_id: ORDER_ID } },
    },
  ],
};

/** A place to which messages go, and who puts them there and takes them. */
interface Place {
  channel: object;
  messages: Record<string, object>;
  operations: Record<string, { action: 'send' | 'receive'; summary: string }>;
}

const places: Record<string, Place> = {
  jobs: {
    channel: {
      address: QUEUE,
      title: 'The queue of jobs',
      description:
        'Published to through the default exchange, with the name of the queue as the routing key.',
      bindings: queue(QUEUE),
    },
    messages: Object.fromEntries(jobMessages),
    operations: {
      publishJob: {
        action: 'send',
        summary: 'The API publishes a job for each write, and waits for the confirm.',
      },
      applyJob: {
        action: 'receive',
        summary: 'Consumers apply jobs, and acknowledge each once it is applied.',
      },
    },
  },
  deadLetters: {
    channel: {
      address: deadQueue(QUEUE),
      title: 'The dead letters',
      description: 'Operators look at them, replay and discard them: /admin/dead-letters.',
      bindings: queue(deadQueue(QUEUE)),
    },
    messages: { deadLetter },
    operations: {
      giveUp: {
        action: 'send',
        summary: 'Consumers move what can never be applied, or has failed too often.',
      },
    },
  },
  events: {
    channel: {
      address: '{type}',
      title: 'The events',
      description:
        'A durable topic exchange with the type of the event as the routing key: whoever wants events binds a queue. An event may come more than once, then with the same id.',
      parameters: { type: { description: 'The type of the event.', enum: eventTypes } },
      bindings: {
        amqp: {
          is: 'routingKey',
          exchange: { name: EXCHANGE, type: 'topic', durable: true, autoDelete: false, vhost: '/' },
          bindingVersion: '0.3.0',
        },
      },
    },
    messages: eventMessages,
    operations: {
      publishEvent: {
        action: 'send',
        summary: 'The hub publishes what has happened, in the order of the journal.',
      },
    },
  },
};

/** The channel, operations and messages of a place, as the document has them. */
const described = (name: string, { channel, messages, operations }: Place) => {
  const refs = Object.keys(messages).map((message) => [
    message,
    { $ref: `#/components/messages/${message}` },
  ]);
  return {
    channels: { [name]: { ...channel, messages: Object.fromEntries(refs) } },
    operations: Object.fromEntries(
      Object.entries(operations).map(([operation, { action, summary }]) => [
        operation,
        {
          action,
          summary,
          channel: { $ref: `#/channels/${name}` },
          messages: Object.keys(messages).map((message) => ({
            $ref: `#/channels/${name}/messages/${message}`,
          })),
          bindings: action === 'send' ? sending : receiving,
        },
      ]),
    ),
    messages,
  };
};

/** Makes the document, as its file has it. @param version of the service */
export const asyncapiDocument = (version: string): string => {
  const all = Object.entries(places).map(([name, place]) => described(name, place));
  const { schemas, refer } = sharing(shared);
  const document = {
    asyncapi: '3.0.0',
    info: { title: 'Orders', version, description: introduction, license: { name: 'MIT' } },
    defaultContentType: 'application/json',
    channels: Object.assign({}, ...all.map(({ channels }) => channels)),
    operations: Object.assign({}, ...all.map(({ operations }) => operations)),
    components: { messages: refer(Object.assign({}, ...all.map(({ messages }) => messages))), schemas },
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
};
