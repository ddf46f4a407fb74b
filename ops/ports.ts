/** Who answers on a port. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type ListenOptions, type Server } from 'node:net';
import type { Backend } from './packages.ts';

/** Below those that Linux gives to outgoing connections (`net.ipv4.ip_local_port_range`). */
const [FIRST, LAST] = [10_000, 32_767];

/** Listens, unless somebody else does: then it is false. @throws where the system refuses for another reason */
const listens = async (server: Server, where: ListenOptions): Promise<boolean> => {
  try {
    await once(server.listen(where), 'listening');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
};

/**
 * A TCP port of 127.0.0.1 on which nothing listens at this moment, and that this function gives to nobody else as long
 * as this process lives. Test files run side by side: a port that one of them keeps free must not be another one's.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(FIRST, LAST);
    // A socket in Linux's abstract namespace is no file, and goes with the process: unix(7).
    const reservation = createServer().unref();
    if (!(await listens(reservation, { path: `\0orders-port-${port}` }))) continue;
    const server = createServer();
    if (await listens(server, { host: '127.0.0.1', port })) {
      server.close();
      await once(server, 'close');
      return port;
    }
    reservation.close();
  }
};

/** For each backend what a client has to send before the server answers, and how to recognise the answer. */
const greetings: Record<Backend, { hello: string; isAnswer: (bytes: Buffer) => boolean }> = {
  // A packet's header is 4 bytes, then the version of the handshake.
  mysql: { hello: '', isAnswer: (bytes) => bytes[4] === 10 },
  // NOAUTH counts as an answer: the question is whether this is Redis, not whether we may use it. LOADING does not count.
  redis: { hello: 'PING\r\n', isAnswer: (bytes) => /^(\+PONG|-NOAUTH)/.test(bytes.toString()) },
  // A frame of type 1 (AMQP 0-9-1, 4.2.3) on channel 0: Connection.Start.
  rabbitmq: {
    hello: 'AMQP\0\0\x09\x01',
    isAnswer: ([type, high, low]) => type === 1 && high === 0 && low === 0,
  },
};

/** `none`: nothing listens. `right`: it speaks this backend's protocol. `wrong`: it does not, or is silent. */
export type Answer = 'none' | 'right' | 'wrong';

/**
 * Finds out who listens on a port of a host, in `timeoutMs` milliseconds at the most. Never rejects.
 * @param backend whose protocol is expected. If undefined, any listener is the right one, as for a port with TLS
 */
export const whoAnswers = (
  host: string,
  port: number,
  backend?: Backend,
  timeoutMs = 2000,
): Promise<Answer> =>
  new Promise((resolve) => {
    const expected = backend && greetings[backend];
    let answer: Answer = 'none';
    let received = Buffer.alloc(0);
    const socket = connect({ host, port });
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    const isRight = () => {
      answer = 'right';
      socket.destroy();
    };
    socket.on('connect', () => {
      answer = 'wrong';
      if (!expected) return isRight();
      if (expected.hello) socket.write(expected.hello, 'latin1');
    });
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (expected?.isAnswer(received)) isRight();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
