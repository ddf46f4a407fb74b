/** Clients that take their time. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { fastify } from 'fastify';
import t from 'tap';
import { drain } from '../../../api/http/drain.ts';
import { readers } from '../../../api/http/readers.ts';
import { until } from '../../../testbed/until.ts';

const BYTES = 24 * 2 ** 20;
const STALLED_MS = 500;

// A client that reads nothing is cut after 20 s in the service: here after half a second.
const app = fastify();
await app.register(drain);
await app.register(readers, { stalledMs: STALLED_MS });
const body = Buffer.alloc(BYTES);
const unsent = new Set<Socket>();
app.get('/', (request, reply) => {
  const { socket } = request.raw;
  unsent.add(socket);
  socket.once('close', () => unsent.delete(socket));
  reply.raw.once('finish', () => unsent.delete(socket));
  reply.send(body);
});
await app.listen({ port: 0, host: '127.0.0.1' });
t.teardown(() => app.close());
const { port } = app.server.address() as AddressInfo;

const ask = () => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  t.teardown(() => socket.destroy());
  return socket;
};

t.test('who reads nothing is cut', async (t) => {
  const sockets = [ask(), ask(), ask()];
  await until('they are being answered', () => unsent.size === sockets.length);
  await until('they are cut', () => unsent.size === 0);
  t.pass();
});

t.test('who reads slowly gets all', async (t) => {
  const socket = ask();
  const began = performance.now();
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    // A good half of the time that it may do nothing, eight times.
    if (bytes / BYTES < (performance.now() - began) / (8 * 300)) return;
    socket.pause();
    setTimeout(() => socket.resume(), 300);
  });
  socket.resume();
  await once(socket, 'end');
  t.ok(bytes > BYTES, `${bytes} bytes`);
  t.ok(performance.now() - began > 3 * STALLED_MS, 'which took longer than that');
});
