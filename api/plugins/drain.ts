/**
 * Ending without failing a request. A client that keeps its connection open may send its next request just when
 * the server closes it. So before anything closes, answers tell clients to use a new connection (`Connection:
 * close`, RFC 9112, 9.6), and /health/ready tells load balancers to go elsewhere; what is idle after that is idle.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fastifyPlugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    isDraining(): boolean;
    /** Begins to send clients away, and resolves when they had the time to hear it. */
    drain(): Promise<void>;
  }
}

const DRAIN_MS = 1_000;
const SWEEP_INTERVAL_MS = 100;

export const drain = fastifyPlugin(
  async (app) => {
    let draining = false;
    let sweeper: NodeJS.Timeout | undefined;

    app.decorate('isDraining', () => draining);
    app.decorate('drain', async () => {
      draining = true;
      await sleep(DRAIN_MS);
    });
    app.addHook('onRequest', async (_request, reply) => {
      if (draining) reply.header('connection', 'close');
    });
    // A request that was in flight from before the draining leaves its connection open behind it.
    app.addHook('preClose', async () => {
      sweeper = setInterval(() => app.server.closeIdleConnections(), SWEEP_INTERVAL_MS);
    });
    app.addHook('onClose', async () => clearInterval(sweeper));
  },
  { name: 'drain', fastify: '5.x' },
);
