/**
 * Closes connections of clients that do not read what they are sent, as their answers take memory for as long as they
 * stay. A socket's own time limit counts from the last byte that the operating system took, so a client that reads,
 * however slowly, still gets everything.
 */
import type { Socket } from 'node:net';
import fastifyPlugin from 'fastify-plugin';

/** A client is cut off when it has taken no byte for one to two times as long. */
const STALLED_MS = 20_000;
/** The same while the server ends, which must not wait long for such clients. */
const STALLED_WHILE_DRAINING_MS = 1_500;
const SWEEP_INTERVAL_MS = 500;

export const readers = fastifyPlugin<{ stalledMs?: number }>(
  async (app, { stalledMs = STALLED_MS }) => {
    const sockets = new Set<Socket>();
    app.server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    // Nearly all answers are taken at once: this costs those nothing.
    const sweeper = setInterval(() => {
      const limit = app.isDraining() ? STALLED_WHILE_DRAINING_MS : stalledMs;
      // Node sets another limit when the answer is sent, and closes the connection where this one is reached.
      for (const socket of sockets)
        if (socket.writableLength > 0 && socket.timeout !== limit) socket.setTimeout(limit);
    }, SWEEP_INTERVAL_MS).unref();
    app.addHook('onClose', () => clearInterval(sweeper));
  },
  { name: 'readers', fastify: '5.x', dependencies: ['drain'] },
);
