/**
 * Ends the server without failing a request. Load balancers learn from /health/ready that they should go elsewhere; as
 * they ask only every few seconds, the server goes on for SHUTDOWN_GRACE as if nothing were. A client that keeps its
 * connection open may send its next request just when the server closes that connection. So the server then takes no
 * new connections, and tells clients in each answer not to use theirs again (`Connection: close`, RFC 9112, 9.6). A
 * second later it closes the connections that are idle, as their clients had time to send a request.
 */
import { once } from 'node:events';
import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastifyPlugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the server is asked to end, and no further request should be sent to it. */
    isEnding(): boolean;
    /** Whether it has begun to take no more connections. */
    isDraining(): boolean;
    /** Takes what is called when the server begins to end, or the application is closed without that. */
    onDrain(callback: () => void): void;
    /**
     * Goes on for `graceMs` milliseconds, then takes no new connections. Resolves when all open ones are closed, each
     * after its answer.
     */
    drain(graceMs: number): Promise<void>;
  }
}

const DRAIN_MS = 1_000;
const SWEEP_INTERVAL_MS = 100;

export const drain = fastifyPlugin(
  async (app) => {
    let ending = false;
    let draining = false;
    const callbacks = new Set<() => void>();
    const begin = () => {
      ending = true;
      draining = true;
      for (const callback of callbacks) callback();
      callbacks.clear();
    };

    app.decorate('isEnding', () => ending);
    app.decorate('isDraining', () => draining);
    app.decorate('onDrain', (callback: () => void) => void callbacks.add(callback));
    app.addHook('preClose', async () => begin());
    app.decorate('drain', async (graceMs: number) => {
      ending = true;
      await sleep(graceMs);
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
