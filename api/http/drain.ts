/**
 * Ends the server without failing a request. A client that keeps its connection open may send its next request just
 * when the server closes that connection. So the server first takes no new connections, tells clients in each answer
 * not to use theirs again (`Connection: close`, RFC 9112, 9.6), and tells load balancers in /health/ready to go
 * elsewhere. A second later it closes the connections that are idle, as their clients had time to send a request.
 */
import { once } from 'node:events';
import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastifyPlugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the server is ending. */
    isDraining(): boolean;
    /** Takes what is called when the server begins to end, or the application is closed without that. */
    onDrain(callback: () => void): void;
    /** Takes no new connections. Resolves when all open ones are closed, each after its answer. */
    drain(): Promise<void>;
  }
}

const DRAIN_MS = 1_000;
const SWEEP_INTERVAL_MS = 100;

export const drain = fastifyPlugin(
  async (app) => {
    let draining = false;
    const callbacks = new Set<() => void>();
    const begin = () => {
      draining = true;
      for (const callback of callbacks) callback();
      callbacks.clear();
    };

    app.decorate('isDraining', () => draining);
    app.decorate('onDrain', (callback: () => void) => void callbacks.add(callback));
    app.addHook('preClose', async () => begin());
    app.decorate('drain', async () => {
      begin();
      const closed = once(app.server, 'close');
      // Not http.Server's own close, which would close idle connections at once.
      Server.prototype.close.call(app.server);
      await sleep(DRAIN_MS);
      // Repeated, because a connection becomes idle only when the request in flight on it ends.
      const sweeper = setInterval(() => app.server.closeIdleConnections(), SWEEP_INTERVAL_MS);
      await closed;
      clearInterval(sweeper);
    });
    app.addHook('onRequest', (_request, reply, done) => {
      if (draining) reply.header('connection', 'close');
      done();
    });
  },
  { name: 'drain', fastify: '5.x' },
);
