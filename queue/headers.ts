/**
 * What of a message's headers and properties goes with it to another queue. Whoever published it may have put there
 * what amqplib reads but cannot write, what no longer fits a frame, or what would take the message elsewhere.
 */
import type { Message } from 'amqplib';
import type { Properties } from './publisher.ts';

/** A short string of AMQP 0-9-1 has at most so many bytes, and so has the name of a header. */
const SHORT_BYTES = 255;
/** Deeper ones nobody needs, and writing them needs a stack as deep. */
const MAX_DEPTH = 32;
/** The buffer that amqplib writes headers into. */
const MAX_HEADER_BYTES = 65_536;
/** For the rest of the frame that headers are in: five short strings, a time, flags, what frames it. */
const OTHER_BYTES = 2_048;
const MAX_DROPPED_CHARACTERS = 500;
/** The greatest that 64 bits hold without a sign: those near it are read as 2^64, for which they have no room. */
const MAX_TIMESTAMP = 2 ** 64 - 2 ** 11;

/** What the broker itself notes of a message's way: of a forged or an old one it would draw wrong conclusions. */
const isBrokersOwn = (name: string) =>
  /^x-(death|delivery-count|acquired-count|(first|last)-death-(exchange|queue|reason))$/.test(name);
/** The broker sends a copy to each queue that these name (https://www.rabbitmq.com/docs/sender-selected). */
const isRoute = (name: string) => name === 'CC' || name === 'BCC';

interface Written {
  /** As amqplib writes it, with a type where it would guess a wrong one. */
  value: unknown;
  /** On the wire. */
  bytes: number;
}

/**
 * Not by its prototype, as Buffer.isBuffer does: amqplib gives a table with a member `__proto__` that member's value
 * for a prototype, so that it may look like what it is not.
 */
const isBytes = (value: object): value is Buffer => ArrayBuffer.isView(value);
const isTable = (value: object): value is Record<string, unknown> => !Array.isArray(value) && !isBytes(value);

const isDecimal = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'places' in value &&
  'digits' in value &&
  [value.places, value.digits].every(Number.isInteger);

/** Times and decimals have no type of their own in JavaScript: amqplib reads them as `{"!": type, value}`. */
const typedOf = (table: Record<string, unknown>): Written | undefined => {
  const { '!': type, value } = table;
  if (type === 'timestamp' && typeof value === 'number' && value >= 0)
    return { value: { '!': type, value: Math.min(Math.trunc(value), MAX_TIMESTAMP) }, bytes: 9 };
  if (type === 'decimal' && isDecimal(value)) return { value: table, bytes: 6 };
  return undefined;
};

const writtenAll = (entries: [name: string, value: unknown][], depth: number) => {
  const written: [string, unknown][] = [];
  let bytes = 5;
  for (const [name, value] of entries) {
    const one = writtenOf(value, depth);
    const nameBytes = Buffer.byteLength(name);
    if (!one || nameBytes > SHORT_BYTES) return undefined;
    written.push([name, one.value]);
    bytes += 1 + nameBytes + one.bytes;
  }
  return { written, bytes };
};

/** @returns undefined for what cannot be written */
const writtenOf = (value: unknown, depth = 0): Written | undefined => {
  if (value === null) return { value, bytes: 1 };
  if (typeof value === 'boolean') return { value, bytes: 2 };
  if (typeof value === 'string') return { value, bytes: 5 + Buffer.byteLength(value) };
  // amqplib takes -1e300 and NaN for integers.
  if (typeof value === 'number')
    return { value: Number.isSafeInteger(value) ? value : { '!': 'double', value }, bytes: 9 };
  if (typeof value !== 'object' || depth === MAX_DEPTH) return undefined;
  if (isBytes(value)) return { value, bytes: 5 + value.length };
  const typed = isTable(value) ? typedOf(value) : undefined;
  if (typed) return typed;
  const all = writtenAll(Object.entries(value), depth + 1);
  if (!all) return undefined;
  const { written, bytes } = all;
  if (!isTable(value)) return { value: written.map(([, item]) => item), bytes };
  // Written with its type, as the table itself may have a member "!".
  return { value: { '!': 'object', value: Object.fromEntries(written) }, bytes };
};

/** A short string, where it is one: bytes that are no UTF-8 are read as three each. */
const short = (text: unknown): string | undefined =>
  typeof text === 'string' && Buffer.byteLength(text) <= SHORT_BYTES ? text : undefined;

/**
 * The headers of a message for its new place: those that can go with it, in their order, and above them our own.
 * @param own must be small
 * @param frameMax the most bytes of a frame on the connection
 * @returns `x-dropped-headers` has the names of those that were left behind
 */
export const carriedHeaders = (
  foreign: Record<string, unknown>,
  own: Record<string, string | number>,
  frameMax: number,
): Record<string, unknown> => {
  const headers: Record<string, unknown> = { ...own };
  let room = Math.min(frameMax, MAX_HEADER_BYTES) - OTHER_BYTES - MAX_DROPPED_CHARACTERS;
  for (const value of Object.values(own)) room -= 32 + Buffer.byteLength(String(value));
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(foreign)) {
    if (Object.hasOwn(own, name) || isBrokersOwn(name)) continue;
    const written = isRoute(name) ? undefined : writtenOf(value);
    const bytes = 1 + Buffer.byteLength(name) + (written?.bytes ?? 0);
    if (!written || bytes > room || Buffer.byteLength(name) > SHORT_BYTES) dropped.push(name);
    else {
      Object.defineProperty(headers, name, { value: written.value, enumerable: true, configurable: true });
      room -= bytes;
    }
  }
  if (dropped.length === 0) return headers;
  const earlier = foreign['x-dropped-headers'];
  const names = typeof earlier === 'string' ? [earlier, ...dropped] : dropped;
  return { ...headers, 'x-dropped-headers': names.join(', ').slice(0, MAX_DROPPED_CHARACTERS) };
};

/** For a message that has no id. */
export const deliveryId = ({ fields }: Pick<Message, 'fields'>): string =>
  `${'consumerTag' in fields ? fields.consumerTag : 'get'}-${fields.deliveryTag}`;

/**
 * The other properties that go with it. Not those that would let it expire, be answered, be ordered otherwise or be
 * refused in another's name: `expiration`, `replyTo`, `priority`, `userId`.
 */
export const carriedProperties = (
  message: Pick<Message, 'properties' | 'fields'>,
): Omit<Properties, 'headers'> => {
  const { properties } = message;
  const { timestamp } = properties;
  return {
    messageId: short(properties.messageId) || deliveryId(message),
    correlationId: short(properties.correlationId),
    contentType: short(properties.contentType),
    contentEncoding: short(properties.contentEncoding),
    type: short(properties.type),
    timestamp: Number.isSafeInteger(timestamp) ? timestamp : undefined,
  };
};
