/** Lets web pages of any origin call the API from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol). */
import fastifyPlugin from 'fastify-plugin';

const METHODS = 'GET, HEAD, POST, PATCH, DELETE, OPTIONS';

/** The headers that every answer carries for browsers. */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'x-request-id, retry-after, idempotency-replayed, etag, link',
};

export const cors = fastifyPlugin(
  async (app) => {
    // Whoever asks is told, a browser before its request or a person (RFC 9110, 9.3.7).
    app.options('*', (request, reply) => {
      const wanted = request.headers['access-control-request-headers'];
      if (wanted !== undefined) reply.header('access-control-allow-headers', wanted);
      return reply
        .code(204)
        .headers({
          allow: METHODS,
          'access-control-allow-methods': METHODS,
          vary: 'access-control-request-headers',
        })
        .send();
    });
  },
  { name: 'cors', fastify: '5.x' },
);
