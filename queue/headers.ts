/**
 * Which headers and properties of a message go with it to another queue. Its publisher may have set some that amqplib
 * can read but not write, that do not fit into a frame, or that would send the message elsewhere.
 */
import type { Message } from 'amqplib';
import type { Properties } from './publisher.ts';

/** How many bytes a short string of AMQP 0-9-1 may have; the name of a header is one. */
const SHORT_BYTES = 255;
/** How deep headers may be nested. Nobody needs deeper ones, and writing them needs a stack as deep. */
const MAX_DEPTH = 32;
/** The size of the buffer into which amqplib writes headers. */
const MAX_HEADER_BYTES = 65_536;
/** What else is in the frame with the headers: five short strings, a time, flags and the frame's own bytes. */
const OTHER_BYTES = 2_048;
const MAX_DROPPED_CHARACTERS = 500;
/** The greatest timestamp that can be written: those nearer to 2^64 are read as 2^64, which 64 bits do not hold. */
const MAX_TIMESTAMP = 2 ** 64 - 2 ** 11;

/** The number of a message among those that were moved to another queue: see moved.ts. */
export const MOVED = 'x-moved';
/** Whether a client waits for the end of the job. */
export const AWAITED = 'x-awaited';
/** Headers in which a message's way is noted, by the broker or with a number. Forged or old ones would mislead. */
const isOfItsWay = (name: string) =>
  name === MOVED ||
  /^x-(death|delivery-count|acquired-count|(first|last)-death-(exchange|queue|reason))$/.test(name);
/** Headers that name queues to which the broker sends a copy (https://www.rabbitmq.com/docs/sender-selected). */
const isRoute = (name: string) => name === 'CC' || name === 'BCC';

interface Written {
  /** The value as amqplib is to write it, with a type if amqplib would guess a wrong one. */
  value: unknown;
  /** How many bytes it has on the wire. */
  bytes: number;
}

/**
 * Does not look at the prototype, as Buffer.isBuffer does: if a table has a member `__proto__`, amqplib makes its value
 * the prototype of the table, which then may look like a Buffer.
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

/** How a value of a header is written. @returns undefined if it cannot be written */
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

/**
 * The text if it fits into a short string, otherwise undefined. It may not fit although it came as one: each byte that
 * is not UTF-8 is read as a character of three.
 */
const short = (text: unknown): string | undefined =>
  typeof text === 'string' && Buffer.byteLength(text) <= SHORT_BYTES ? text : undefined;

/**
 * The headers of a message for its new place: our own, then those of the message that can go with it, in their order.
 * @param foreign the message's headers
 * @param own our own, which are small
 * @param frameMax how many bytes a frame may have on the connection
 * @returns the headers; `x-dropped-headers` names those that were left behind
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
    if (Object.hasOwn(own, name) || isOfItsWay(name)) continue;
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

/** An id for a message that has none. */
export const deliveryId = ({ fields }: Pick<Message, 'fields'>): string =>
  `${'consumerTag' in fields ? fields.consumerTag : 'get'}-${fields.deliveryTag}`;

/**
 * The properties that go with a message to another queue. Left out are those that would make it expire (`expiration`),
 * be answered (`replyTo`), be ordered differently (`priority`), or be refused because another account sends it
 * (`userId`).
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
