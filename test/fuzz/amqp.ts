/**
 * As much of an AMQP 0-9-1 client as puts messages on a queue whose headers and properties no library would write
 * (https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf; its 4.2.5.5 gives the tags of a table's fields, and
 * https://www.rabbitmq.com/amqp-0-9-1-errata the ones that RabbitMQ uses).
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { frame, longString, method, shortString, uint } from '../helpers/raw-amqp.ts';

/** A field of a table: its tag, and either its bytes or what it contains. */
export type Field =
  | { tag: 'S' | 'x'; bytes: Buffer }
  | { tag: 'A'; items: Field[] }
  | { tag: 'F'; table: Table }
  | { tag: 'b' | 'B' | 's' | 'u' | 'I' | 'i' | 'l' | 'f' | 'd' | 'T' | 't' | 'D' | 'V'; raw: Buffer };
export type Table = [name: Buffer, field: Field][];

/** The basic properties in the order of their flags, the first being bit 15 (4.2.6.1). */
export interface Properties {
  contentType?: Buffer;
  contentEncoding?: Buffer;
  headers?: Table;
  deliveryMode?: number;
  priority?: number;
  correlationId?: Buffer;
  replyTo?: Buffer;
  expiration?: Buffer;
  messageId?: Buffer;
  timestamp?: bigint;
  type?: Buffer;
  userId?: Buffer;
  appId?: Buffer;
}

const uint64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

const encodeField = (field: Field): Buffer => {
  const tag = Buffer.from(field.tag);
  if ('raw' in field) return Buffer.concat([tag, field.raw]);
  if ('bytes' in field) return Buffer.concat([tag, longString(field.bytes)]);
  if ('items' in field) return Buffer.concat([tag, longString(Buffer.concat(field.items.map(encodeField)))]);
  return Buffer.concat([tag, encodeTable(field.table)]);
};
const encodeTable = (table: Table): Buffer =>
  longString(Buffer.concat(table.flatMap(([name, field]) => [shortString(name), encodeField(field)])));

const encodeProperties = (properties: Properties): Buffer => {
  const values: (Buffer | undefined)[] = [
    properties.contentType && shortString(properties.contentType),
    properties.contentEncoding && shortString(properties.contentEncoding),
    properties.headers && encodeTable(properties.headers),
    properties.deliveryMode === undefined ? undefined : uint(properties.deliveryMode, 1),
    properties.priority === undefined ? undefined : uint(properties.priority, 1),
    properties.correlationId && shortString(properties.correlationId),
    properties.replyTo && shortString(properties.replyTo),
    properties.expiration && shortString(properties.expiration),
    properties.messageId && shortString(properties.messageId),
    properties.timestamp === undefined ? undefined : uint64(properties.timestamp),
    properties.type && shortString(properties.type),
    properties.userId && shortString(properties.userId),
    properties.appId && shortString(properties.appId),
  ];
  let flags = 0;
  for (const [i, value] of values.entries()) if (value) flags |= 1 << (15 - i);
  return Buffer.concat([uint(flags, 2), ...values.filter((value) => value !== undefined)]);
};

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_HEAD_BYTES = 7;
/** RabbitMQ proposes this. */
const MAX_FRAME_BYTES = 131_072;

const START = '10.10';
const TUNE = '10.30';
const OPEN_OK = '10.41';
const CONNECTION_CLOSE = '10.50';
const CHANNEL_OPEN_OK = '20.11';
const CHANNEL_CLOSE = '20.40';
const RETURN = '60.50';
const ACK = '60.80';
const NACK = '60.120';
const CONFIRM_OK = '85.11';

const ANSWER_WITHIN_MS = 30_000;

/** Reads frames as they come, and gives the methods among them one after the other. */
const methodReader = (socket: Socket) => {
  let held: Buffer = Buffer.alloc(0);
  const methods: string[] = [];
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= FRAME_HEAD_BYTES) {
      const size = held.readUInt32BE(3);
      const end = FRAME_HEAD_BYTES + size + 1;
      if (held.length < end) return;
      if (held[0] === METHOD) methods.push(`${held.readUInt16BE(7)}.${held.readUInt16BE(9)}`);
      held = held.subarray(end);
    }
  });
  socket.on('error', () => {});

  /** @returns class and method, or 'gone' where the connection closed first. @throws where nothing comes in time */
  return async (): Promise<string> => {
    const deadline = Date.now() + ANSWER_WITHIN_MS;
    while (methods.length === 0) {
      if (socket.destroyed) return 'gone';
      if (Date.now() > deadline) throw new Error('The broker does not answer.');
      await sleep(1);
    }
    return methods.shift() ?? '';
  };
};

interface BrokerAt {
  hostname: string;
  port: number;
  username: string;
  password: string;
}

const openChannel = async ({ hostname, port, username, password }: BrokerAt) => {
  const socket = connect(port, hostname);
  socket.setNoDelay(true);
  await once(socket, 'connect');
  const next = methodReader(socket);
  const expect = async (wanted: string) => {
    const got = await next();
    if (got !== wanted) throw new Error(`The broker said ${got} where ${wanted} was expected.`);
  };
  socket.write(Buffer.from('AMQP\0\0\x09\x01'));
  await expect(START);
  const secret = longString(`\0${username}\0${password}`);
  socket.write(method(0, 10, 11, encodeTable([]), shortString('PLAIN'), secret, shortString('en_US')));
  await expect(TUNE);
  socket.write(method(0, 10, 31, uint(1, 2), uint(MAX_FRAME_BYTES, 4), uint(0, 2)));
  socket.write(method(0, 10, 40, shortString('/'), shortString(''), uint(0, 1)));
  await expect(OPEN_OK);
  socket.write(method(1, 20, 10, shortString('')));
  await expect(CHANNEL_OPEN_OK);
  socket.write(method(1, 85, 10, uint(0, 1)));
  await expect(CONFIRM_OK);
  return { socket, next };
};

/** Publishes messages one after the other, each confirmed; begins anew where the broker took offence. */
export const rawPublisher = (at: BrokerAt) => {
  let open: Awaited<ReturnType<typeof openChannel>> | undefined;
  const close = () => {
    open?.socket.destroy();
    open = undefined;
  };

  return {
    /**
     * @returns whether the broker has it: it refuses what it cannot read, and some values of properties
     * @throws where the queue is not there, or the broker does not answer
     */
    publish: async (queue: string, body: Buffer, properties: Properties): Promise<'taken' | 'refused'> => {
      open ??= await openChannel(at);
      const { socket, next } = open;
      const size = uint64(BigInt(body.length));
      const frames = [
        method(1, 60, 40, uint(0, 2), shortString(''), shortString(queue), uint(1, 1)),
        frame(HEADER, 1, Buffer.concat([uint(60, 2), uint(0, 2), size, encodeProperties(properties)])),
      ];
      const step = MAX_FRAME_BYTES - FRAME_HEAD_BYTES - 1;
      for (let i = 0; i < body.length; i += step) frames.push(frame(BODY, 1, body.subarray(i, i + step)));
      socket.write(Buffer.concat(frames));
      const answer = await next();
      if (answer === ACK) return 'taken';
      if (answer === RETURN) throw new Error(`There is no queue ${queue}.`);
      close();
      if ([NACK, CHANNEL_CLOSE, CONNECTION_CLOSE, 'gone'].includes(answer)) return 'refused';
      throw new Error(`The broker said ${answer}.`);
    },
    close,
  };
};
