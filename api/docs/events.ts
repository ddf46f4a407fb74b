/** The events for other services, as schemas and examples: what hub/cloud-events.ts writes. */
import { type TProperties, Type } from '@sinclair/typebox';
import { oneOf } from '../../domain/job-events.ts';
import { jobTypes } from '../../domain/jobs.ts';
import { JobId, NewOrder, Status, Uuid } from '../../domain/order.ts';

const ORDER_ID = '01a1fc79-708d-709e-9c18-29dbdfffe8dd';
const JOB_ID = '01a1fc79-708f-7028-9eaa-63ae2e857997';
const AT = '2026-01-31T12:00:00.412Z';

const event = (type: string, data: TProperties) =>
  Type.Object({
    specversion: Type.Literal('1.0'),
    id: Type.String({ description: 'The same if the event is published again.' }),
    source: Type.String({ format: 'uri-reference', description: 'The path of the order.' }),
    type: Type.Literal(type),
    time: Type.String({ format: 'moment', description: 'When it happened.' }),
    datacontenttype: Type.Literal('application/json'),
    sequence: Type.String({
      pattern: '^\\d{16}$',
      description:
        'The version of the write: of two events of one order the one with the greater text is newer.',
    }),
    requestid: Type.Optional(Type.String({ description: 'The X-Request-Id of the write.' })),
    data: Type.Object(data),
  });

const ids = { order_id: Uuid, job_id: JobId };
const { customer_name, items } = NewOrder.properties;

interface Event {
  name: string;
  summary: string;
  data: TProperties;
  example: object;
}

/** By type, which is also the routing key. */
const events: Record<string, Event> = {
  'order.created': {
    name: 'orderCreated',
    summary: 'An order is in the database. A large one is told of by its ids alone.',
    data: {
      ...ids,
      customer_name: Type.Optional(customer_name),
      status: Type.Optional(Status),
      items: Type.Optional(items),
    },
    example: { customer_name: 'Ada', status: 'received', items: [{ name: 'Tea', quantity: 2 }] },
  },
  'order.status_changed': {
    name: 'orderStatusChanged',
    summary: 'The status of an order has changed in the database.',
    data: { ...ids, status: Type.Optional(Status) },
    example: { status: 'shipped' },
  },
  'order.deleted': {
    name: 'orderDeleted',
    summary: 'An order is deleted in the database.',
    data: ids,
    example: {},
  },
  'job.dead': {
    name: 'jobDead',
    summary: 'A job is a dead letter.',
    data: {
      ...ids,
      job_type: oneOf(jobTypes),
      reason: Type.Optional(Type.String()),
      error: Type.Optional(Type.String()),
      attempts: Type.Integer({ minimum: 0 }),
    },
    example: {
      job_type: 'delete_order',
      reason: 'order_not_found',
      error: `There is no order ${ORDER_ID}.`,
      attempts: 5,
    },
  },
};

export const eventTypes = Object.keys(events);

/** The properties of AMQP 0-9-1 of an event. */
export const EventProperties = Type.Object({
  content_type: Type.Literal('application/cloudevents+json; charset=utf-8'),
  delivery_mode: Type.Literal(2, { description: 'The message is persistent.' }),
  message_id: Type.String({ description: 'The id of the event.' }),
  timestamp: Type.Integer({ minimum: 0, description: 'When it happened, in seconds since 1970.' }),
  type: Type.String({ description: 'The type of the event.' }),
});

/** The messages of the exchange, as docs/asyncapi.json has them. */
export const eventMessages = Object.fromEntries(
  Object.entries(events).map(([type, { name, summary, data, example }]) => [
    name,
    {
      name: type,
      title: type,
      summary,
      contentType: 'application/cloudevents+json',
      payload: event(type, data),
      bindings: { amqp: { messageType: type, bindingVersion: '0.3.0' } },
      examples: [
        {
          payload: {
            specversion: '1.0',
            id: type === 'job.dead' ? `${JOB_ID}.dead.${Date.parse(AT)}` : JOB_ID,
            source: `/orders/${ORDER_ID}`,
            type,
            time: AT,
            datacontenttype: 'application/json',
            sequence: '1769860800000000',
            requestid: 'checkout-4711',
            data: { order_id: ORDER_ID, job_id: JOB_ID, ...example },
          },
        },
      ],
      'x-amqp-properties': EventProperties,
    },
  ]),
);
