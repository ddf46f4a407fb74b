/** Lets web pages of any origin call the API from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

const METHODS = 'GET, HEAD, POST, PATCH, DELETE, OPTIONS';
/** With PUT, so that a page that uses it sees the 404: for a method that is not named here, it sees a network error. */
const ALLOWED_METHODS = `${METHODS}, PUT`;
/** How long a browser need not ask again. Chromium takes two hours at the most, and five seconds by default. */
const MAX_AGE_SECONDS = '7200';

/** The headers that every answer carries for browsers. */
export const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'x-request-id, retry-after, idempotency-replayed, preference-applied, etag, link, location',
};

/**
 * Answers OPTIONS, which a browser sends before its request (RFC 9110, 9.3.7), for any URL: after an error the browser
 * would not send the request, and its page would not see what is wrong with it.
 */
export const answerOptions = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const wanted = request.headers['access-control-request-headers'];
  if (wanted !== undefined) reply.header('access-control-allow-headers', wanted);
  return reply
    .code(204)
    .headers({
      allow: METHODS,
      'access-control-allow-methods': ALLOWED_METHODS,
      'access-control-max-age': MAX_AGE_SECONDS,
      vary: 'access-control-request-headers',
    })
    .send();
};

export const cors = fastifyPlugin(
  async (app) => {
    app.options('*', { schema: { hide: true } }, answerOptions);
  },
  { name: 'cors', fastify: '5.x' },
);
