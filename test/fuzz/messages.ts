/** Messages as publishers may put them on the queue of jobs. */
import * as fc from 'fast-check';
import type { Field, Properties, Table } from './amqp.ts';
import {
  anyBytes,
  anyJson,
  anyText,
  damaged,
  mutated,
  validOrder,
  validStatus,
  validText,
} from './values.ts';

export interface Message {
  /** In it `SLOTS` stand for the ids of orders, which are new ones each time. */
  body: Buffer;
  properties: Properties;
  /** Whether it is a job that must be applied, and not only that or a dead letter. */
  isValid: boolean;
}

/** As long as a UUID each, so that what is made of a text with them is as long as that. */
export const SLOTS = ['@slot0@', '@slot1@', '@slot2@'].map((slot) => slot.padEnd(36, '-'));
const slot = fc.constantFrom(...SLOTS);
/** Microseconds since 1970, of 2023: the past is no place that a job may not come from. */
const FIRST_VERSION = 1_700_000_000_000_000;

const jobId = fc.oneof(fc.uuid(), validText(64));
const extras = {
  version: fc.nat(1_000_000_000).map((later) => FIRST_VERSION + later),
  accepted_at: fc
    .date({ min: new Date('2020-01-01'), max: new Date('2026-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString()),
};
const job = (type: string, payload: fc.Arbitrary<object>) =>
  fc.record(
    { job_id: jobId, type: fc.constant(type), payload, ...extras },
    { requiredKeys: ['job_id', 'type', 'payload'] },
  );
const fullOrder = fc
  .tuple(slot, validOrder, validStatus)
  .map(([order_id, order, status]) => ({ order_id, status, ...order }));
const validJob = fc.oneof(
  { weight: 4, arbitrary: job('create_order', fullOrder) },
  { weight: 2, arbitrary: job('update_order_status', fc.record({ order_id: slot, status: validStatus })) },
  { weight: 1, arbitrary: job('delete_order', fc.record({ order_id: slot })) },
);
const validJson = validJob.map((value) => JSON.stringify(value));
const validBody = validJson.map((json) => Buffer.from(json));

/** Times and places among the writes that nothing here could have given. */
const oddlyDated = fc
  .tuple(
    validJob,
    fc.constantFrom(
      { version: 1 },
      { version: 9_000_000_000_000_000 },
      { version: Number.MAX_SAFE_INTEGER },
      { version: 9_223_372_036_854_775_807n },
      { version: 1.5 },
      { accepted_at: '0000-01-01T00:00:00.000Z' },
      { accepted_at: '1969-12-31T23:59:59.999Z' },
      { accepted_at: '1970-01-01T00:00:00.000Z' },
      { accepted_at: '2038-01-19T03:14:08.000Z' },
      { accepted_at: '9999-12-31T23:59:59.999Z' },
      { accepted_at: '2026-02-30T00:00:00.000Z' },
    ),
  )
  .map(([job, odd]) =>
    JSON.stringify({ ...job, ...odd }, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
  );

const fixed = <Tag extends Extract<Field, { raw: Buffer }>['tag']>(
  tag: Tag,
  size: number,
): fc.Arbitrary<Field> =>
  fc
    .uint8Array({ minLength: size, maxLength: size })
    .map((bytes): Field => ({ tag, raw: Buffer.from(bytes) }));
const double = (value: number): Field => {
  const raw = Buffer.alloc(8);
  raw.writeDoubleBE(value);
  return { tag: 'd', raw };
};
const longText = anyText.map((text): Field => ({ tag: 'S', bytes: Buffer.from(text) }));

/** What is written and read well, and what a library reads but cannot write again. */
const simpleField: fc.Arbitrary<Field> = fc.oneof(
  longText,
  anyBytes.map((bytes): Field => ({ tag: 'S', bytes })),
  anyBytes.map((bytes): Field => ({ tag: 'x', bytes })),
  fc.double().map(double),
  fc
    .constantFrom(-1e300, 1e300, 2 ** 63, -(2 ** 63), 2 ** 50 + 0.5, Number.POSITIVE_INFINITY, 5e-324)
    .map(double),
  fixed('b', 1),
  fixed('B', 1),
  fixed('s', 2),
  fixed('u', 2),
  fixed('I', 4),
  fixed('i', 4),
  fixed('l', 8),
  fixed('f', 4),
  fixed('d', 8),
  fixed('T', 8),
  fixed('t', 1),
  fixed('D', 5),
  fixed('V', 0),
);

/** Names that mean something: to the broker, to this service, to JavaScript, to amqplib. */
const KNOWN_NAMES = [
  'x-attempts',
  'x-reason',
  'x-error',
  'x-first-failed-at',
  'x-last-failed-at',
  'x-queue',
  'x-death',
  'x-first-death-queue',
  'x-first-death-reason',
  'x-delivery-count',
  'x-delay',
  '__proto__',
  'constructor',
  'toString',
  '!',
  'value',
];
const MAX_SHORT_TEXT_BYTES = 255;
const shortText = fc
  .oneof(
    anyText.map((text) => Buffer.from(text)),
    anyBytes,
    fc.constantFrom(Buffer.alloc(255, 0xff), Buffer.alloc(255, 'x')),
  )
  .map((bytes) => bytes.subarray(0, MAX_SHORT_TEXT_BYTES));
const fieldName = fc.oneof(
  fc.constantFrom(...KNOWN_NAMES).map((name) => Buffer.from(name)),
  shortText.map((bytes) => bytes.subarray(0, 128)),
  shortText,
);

const { table } = fc.letrec<{ field: Field; table: Table }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    simpleField,
    fc.array(tie('field'), { maxLength: 4 }).map((items): Field => ({ tag: 'A', items })),
    tie('table').map((inner): Field => ({ tag: 'F', table: inner })),
  ),
  table: fc.array(fc.tuple(fieldName, tie('field')), { maxLength: 5 }),
}));

/** Stands for the name of the queue of jobs. */
export const QUEUE = '@queue@';
const text = (value: string): Field => ({ tag: 'S', bytes: Buffer.from(value) });
const named = (name: string, field: Field): Table[number] => [Buffer.from(name), field];
const death = (queue: string, reason: string): Field => ({
  tag: 'A',
  items: [
    {
      tag: 'F',
      table: [
        named('queue', text(queue)),
        named('reason', text(reason)),
        named('exchange', text('')),
        named('routing-keys', { tag: 'A', items: [text(queue)] }),
        named('count', { tag: 'l', raw: Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]) }),
      ],
    },
  ],
});
/**
 * Headers that the broker itself acts on: it sends copies elsewhere, or takes a message for one on its second round.
 */
const brokerHeaders: fc.Arbitrary<Table> = fc.constantFrom<Table>(
  [named('CC', { tag: 'A', items: [text(QUEUE)] })],
  [named('BCC', { tag: 'A', items: [text(QUEUE)] })],
  [named('x-death', death(QUEUE, 'expired'))],
  [named('x-death', death(`${QUEUE}.retry.1000`, 'expired'))],
  [named('x-death', text('no list'))],
  [named('x-attempts', double(Number.POSITIVE_INFINITY))],
  [named('x-attempts', text('many'))],
  [named('large', { tag: 'x', bytes: Buffer.alloc(60_000, 'x') })],
  [named('large', { tag: 'x', bytes: Buffer.alloc(100_000, 'x') })],
);

const properties: fc.Arbitrary<Properties> = fc.record(
  {
    contentType: shortText,
    contentEncoding: shortText,
    headers: fc.oneof({ weight: 3, arbitrary: table }, { weight: 1, arbitrary: brokerHeaders }),
    deliveryMode: fc.constantFrom(1, 2, 2, 2),
    priority: fc.integer({ min: 0, max: 255 }),
    correlationId: shortText,
    replyTo: shortText,
    messageId: fc.oneof(shortText, fc.constantFrom(Buffer.from('the same'))),
    timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    type: shortText,
    // The broker compares it with who is logged in.
    userId: fc.constant(Buffer.from('orders')),
    appId: shortText,
  },
  { requiredKeys: [] },
);
/** Values that the broker itself refuses, unless it has changed its mind. */
const refusable: fc.Arbitrary<Properties> = fc.record(
  {
    deliveryMode: fc.constantFrom(0, 255),
    replyTo: fc.constant(Buffer.from('amq.rabbitmq.reply-to')),
    userId: shortText,
  },
  { requiredKeys: [] },
);
const withExpiration = fc
  .tuple(
    properties,
    fc.oneof(fc.constantFrom('0', '1', '50', '60000', '-1', '99999999999', '1.5', ''), anyText),
  )
  .map(
    ([rest, expiration]): Properties => ({
      ...rest,
      expiration: Buffer.from(expiration).subarray(0, MAX_SHORT_TEXT_BYTES),
    }),
  );

const anyBody = fc.oneof(
  { weight: 4, arbitrary: mutated(validJob).map((json) => Buffer.from(json)) },
  { weight: 1, arbitrary: oddlyDated.map((json) => Buffer.from(json)) },
  { weight: 2, arbitrary: damaged(validJson) },
  { weight: 2, arbitrary: anyJson.map((json) => Buffer.from(json)) },
  { weight: 2, arbitrary: anyBytes },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(300_000, 'x')) },
);

const MAX_SHOWN = 1_000;
const MAX_SHOWN_VALUE = 40;
const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length)}…` : text);
/** How a message is shown if it breaks something: bytes as Latin-1. */
export const shown = ({ body, properties, isValid }: Message): string => {
  const short = (_: string, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    const isBytes = typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
    return isBytes && 'data' in value
      ? cut(Buffer.from(value.data as number[]).toString('latin1'), MAX_SHOWN_VALUE)
      : value;
  };
  return `${isValid ? 'job' : 'message'} ${cut(JSON.stringify(body.toString()), MAX_SHOWN)} with ${JSON.stringify(properties, short)}`;
};
const sent = (isValid: boolean, body: fc.Arbitrary<Buffer>, properties: fc.Arbitrary<Properties>) =>
  fc
    .record({ body, properties })
    .map((parts): Message => ({ ...parts, isValid }))
    .map((message) => Object.assign(message, { [fc.toStringMethod]: () => shown(message) }));

const anyProperties = fc.oneof(
  { weight: 8, arbitrary: properties },
  { weight: 2, arbitrary: withExpiration },
  { weight: 1, arbitrary: refusable },
);

export const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 3, arbitrary: sent(true, validBody, properties) },
  { weight: 1, arbitrary: sent(false, validBody, anyProperties) },
  { weight: 4, arbitrary: sent(false, anyBody, anyProperties) },
);
