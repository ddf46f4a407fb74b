/** Publishing what no client library writes, frame by frame (AMQP 0-9-1, 2.3 and 4.2). */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Config } from '../../process/config.ts';

export const uint = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};
export const shortString = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint(bytes.length, 1), bytes]);
};
export const longString = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint(bytes.length, 4), bytes]);
};

export const frame = (type: number, channel: number, ...payload: Buffer[]): Buffer => {
  const bytes = Buffer.concat(payload);
  return Buffer.concat([uint(type, 1), uint(channel, 2), uint(bytes.length, 4), bytes, uint(206, 1)]);
};
export const method = (channel: number, classId: number, methodId: number, ...fields: Buffer[]): Buffer =>
  frame(1, channel, uint(classId, 2), uint(methodId, 2), ...fields);

const EMPTY = longString('');
const FRAME_MAX = 131_072;
const CHANNEL_CLOSE_OK = method(1, 20, 41);

/** The properties of a message that has nothing but headers: names and values as they stand in a table. */
export const headersOnly = (table: Buffer): Buffer => Buffer.concat([uint(0x2000, 2), longString(table)]);

/**
 * Puts a message on a queue.
 * @param properties its flags and values, as they stand in the frame
 * @throws where the broker closes the connection instead
 */
export const publishRaw = async (
  { hosts, username, password }: Pick<Config['rabbitmq'], 'hosts' | 'username' | 'password'>,
  queue: string,
  properties: Buffer,
  body: Buffer,
): Promise<void> => {
  const socket = connect(hosts[0].port, '127.0.0.1');
  let seen = Buffer.alloc(0);
  const closed = new Promise<never>((_, reject) => {
    socket.once('close', () =>
      reject(new Error(`The broker closed the connection: ${seen.toString('latin1')}`)),
    );
  });
  const published = new Promise<void>((resolve) => {
    socket.on('data', (bytes) => {
      seen = Buffer.concat([seen, bytes]);
      if (seen.includes(CHANNEL_CLOSE_OK)) resolve();
    });
  });
  socket.write(Buffer.from('AMQP\u0000\u0000\u0009\u0001', 'latin1'));
  await once(socket, 'data');
  const login = longString(`\u0000${username}\u0000${password}`);
  socket.write(method(0, 10, 11, EMPTY, shortString('PLAIN'), login, shortString('en_US')));
  socket.write(method(0, 10, 31, uint(2_047, 2), uint(FRAME_MAX, 4), uint(0, 2)));
  socket.write(method(0, 10, 40, shortString('/'), shortString(''), uint(0, 1)));
  socket.write(method(1, 20, 10, shortString('')));
  socket.write(method(1, 60, 40, uint(0, 2), shortString(''), shortString(queue), uint(0, 1)));
  socket.write(frame(2, 1, uint(60, 2), uint(0, 2), uint(0, 4), uint(body.length, 4), properties));
  for (let at = 0; at < body.length; at += FRAME_MAX - 8)
    socket.write(frame(3, 1, body.subarray(at, at + FRAME_MAX - 8)));
  socket.write(method(1, 20, 40, uint(200, 2), shortString('bye'), uint(0, 2), uint(0, 2)));
  try {
    await Promise.race([published, closed]);
  } finally {
    closed.catch(() => {});
    socket.destroy();
  }
};
