/**
 * Ending without failing a request. A client that keeps its connection open may send its next request just when
 * the server closes it. So first no new connections are taken and answers tell clients that theirs is not for
 * further use (`Connection: close`, RFC 9112, 9.6), while /health/ready tells load balancers to go elsewhere; what
 * is idle after a while is idle.
 */
import { once } from 'node:events';
import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastifyPlugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    isDraining(): boolean;
    /** Sends clients away and resolves when all connections are closed, each after its answer. */
    drain(): Promise<void>;
  }
}

const DRAIN_MS = 1_000;
const SWEEP_INTERVAL_MS = 100;

export const drain = fastifyPlugin(
  async (app) => {
    let draining = false;

    app.decorate('isDraining', () => draining);
    app.decorate('drain', async () => {
      draining = true;
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
