/** Pages from anywhere may call the API from a browser. */
import fastifyCors from '@fastify/cors';
import fastifyPlugin from 'fastify-plugin';

const EXPOSED = ['x-request-id', 'retry-after', 'idempotency-replayed', 'etag', 'link'].join(', ');

export const cors = fastifyPlugin(
  async (app) => {
    app.addHook('onRequest', (_request, reply, done) => {
      reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', EXPOSED);
      done();
    });
    // The library's hook costs more than these two headers: it is there for the preflight requests only.
    await app.register(async (preflights) => {
      await preflights.register(fastifyCors, {
        origin: '*',
        methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
      });
    });
  },
  { name: 'cors', fastify: '5.x' },
);
