/**
 * A MySQL that takes passwords in clear text, as RDS takes its tokens: a proxy that logs clients in with the plugin
 * mysql_clear_password, and then hands them over to a real server in which their account has no password
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html).
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Teardown } from '../../testbed/teardown.ts';

const HEADER = 4;
const CLIENT_SSL = 0x800;
const SSL_REQUEST_BYTES = 32;
/** Of a response to the handshake: flags, the longest packet, the character set and 23 zeros. */
const FIXED_BYTES = 32;

interface Packet {
  sequence: number;
  payload: Buffer;
}

/** Takes single packets from a socket, up to the first that is not taken. */
const packetsOf = (socket: Socket) => {
  let bytes = Buffer.alloc(0);
  const take = async (length: number): Promise<Buffer> => {
    while (bytes.length < length) {
      const chunk: Buffer | null = socket.read();
      if (chunk) bytes = Buffer.concat([bytes, chunk]);
      else await once(socket, 'readable');
    }
    const taken = bytes.subarray(0, length);
    bytes = bytes.subarray(length);
    return taken;
  };
  return {
    next: async (): Promise<Packet> => {
      const header = await take(HEADER);
      return { sequence: header.readUInt8(3), payload: await take(header.readUIntLE(0, 3)) };
    },
    rest: () => bytes,
  };
};

const packet = (sequence: number, payload: Buffer): Buffer => {
  const header = Buffer.alloc(HEADER);
  header.writeUIntLE(payload.length, 0, 3);
  header.writeUInt8(sequence, 3);
  return Buffer.concat([header, payload]);
};

/** The server's greeting, with TLS among its capabilities. */
const withTls = (greeting: Buffer): Buffer => {
  const copy = Buffer.from(greeting);
  // Behind the version of the protocol and of the server: the thread, eight bytes of salt and a zero.
  const at = copy.indexOf(0, 1) + 1 + 4 + 8 + 1;
  copy.writeUInt16LE(copy.readUInt16LE(at) | CLIENT_SSL, at);
  return copy;
};

/** A client's response to the handshake, as one without TLS whose account has no password. */
const withoutPassword = (response: Buffer): Buffer => {
  const head = Buffer.from(response.subarray(0, FIXED_BYTES));
  head.writeUInt32LE((head.readUInt32LE(0) & ~CLIENT_SSL) >>> 0, 0);
  const user = response.subarray(FIXED_BYTES, response.indexOf(0, FIXED_BYTES) + 1);
  const at = FIXED_BYTES + user.length;
  const rest = response.subarray(at + 1 + response.readUInt8(at));
  return Buffer.concat([head, user, Buffer.from([0]), rest]);
};

const SWITCH = Buffer.from('\xfemysql_clear_password\0', 'latin1');
const refusal = Buffer.concat([
  Buffer.from([0xff, 1045 & 0xff, 1045 >> 8]),
  Buffer.from("#28000Access denied for user 'service'@'localhost' (using password: YES)"),
]);

/**
 * Starts the proxy.
 * @param port of the real server
 * @param tls the key and the certificate to show; without them clients are asked for their password all the same
 * @param isRight whether a password is the right one at present
 * @returns its port, all the passwords that it was told, and a function that cuts all connections
 */
export const startClearPasswordProxy = async (
  t: Teardown,
  port: number,
  tls: { key: Buffer; cert: Buffer } | undefined,
  isRight: (password: string) => boolean,
) => {
  const told: string[] = [];
  const sockets = new Set<Socket>();
  const serve = async (plain: Socket) => {
    const inner = connect(port, '127.0.0.1');
    for (const socket of [plain, inner]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        plain.destroy();
        inner.destroy();
      });
    }
    const fromServer = packetsOf(inner);
    const greeting = (await fromServer.next()).payload;
    plain.write(packet(0, tls ? withTls(greeting) : greeting));
    let client = plain;
    let fromClient = packetsOf(plain);
    let response = await fromClient.next();
    if (tls && response.payload.length === SSL_REQUEST_BYTES) {
      plain.removeAllListeners('readable');
      const rest = fromClient.rest();
      if (rest.length > 0) plain.unshift(rest);
      client = new TLSSocket(plain, { isServer: true, ...tls });
      client.on('error', () => plain.destroy());
      fromClient = packetsOf(client);
      response = await fromClient.next();
    }
    client.write(packet(response.sequence + 1, SWITCH));
    const { sequence, payload } = await fromClient.next();
    const password = payload.subarray(0, -1).toString();
    told.push(password);
    if (!isRight(password)) return void client.end(packet(sequence + 1, refusal));
    inner.write(packet(1, withoutPassword(response.payload)));
    client.write(packet(sequence + 1, (await fromServer.next()).payload));
    inner.pipe(client);
    client.pipe(inner);
  };
  const server = createServer((socket) => void serve(socket).catch(() => socket.destroy()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  t.teardown(() => {
    server.close();
    cut();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return { port: address.port, told, cut };
};
