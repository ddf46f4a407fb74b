/** Every error leaves as `{error: "<sentence>"}`. What only an operator may know goes to the log. */
import type { Socket } from 'node:net';
import type { ConnectionError, FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { isSystemFailure } from '../../db/errors.ts';
import { PublishError } from '../../queue/publisher.ts';

const RETRY_AFTER_SECONDS = 1;

/** An error whose message is the sentence for the client. */
export class HttpError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, sentence: string) {
    super(sentence);
    this.statusCode = statusCode;
  }
}

/** Fastify's own errors in our words. */
const sentences: Record<string, (request: FastifyRequest) => string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ({ routeOptions }) =>
    `The request body is too large: at most ${routeOptions.bodyLimit} bytes are taken.`,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ({ headers }) =>
    `Content-Type must be application/json, got ${JSON.stringify(headers['content-type'] ?? '')}.`,
  FST_ERR_CTP_INVALID_JSON_BODY: () => 'The request body is not valid JSON.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    'The request body does not have the length of its Content-Length.',
  FST_ERR_BAD_URL: ({ url }) => `The URL must be valid percent-encoded UTF-8, got ${JSON.stringify(url)}.`,
};

const unaccepted: Record<PublishError['outcome'], string> = {
  refused: 'Unable to queue order.',
  overfull: 'Too many writes are waiting.',
  unknown:
    'Unable to queue order: whether it was queued is unknown, as the broker did not answer in time. A retry with the same Idempotency-Key is safe.',
};

const unavailable = (reply: FastifyReply, error: string) =>
  reply.code(503).header('retry-after', RETRY_AFTER_SECONDS).send({ error });

/** Also for the errors that Fastify meets before it has found a route. */
export const sendError = (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply) => {
  if (error instanceof HttpError) return reply.code(error.statusCode).send({ error: error.message });
  if (error instanceof PublishError) {
    request.log.warn(
      { request_id: request.id, outcome: error.outcome, reason: error.message },
      'a write was not confirmed',
    );
    return unavailable(reply, unaccepted[error.outcome]);
  }
  if (isSystemFailure(error)) {
    request.log.warn({ request_id: request.id, err: error }, 'MySQL did not answer');
    return unavailable(reply, 'Unable to read orders.');
  }
  if ('statusCode' in error && error.statusCode !== undefined && error.statusCode < 500) {
    const sentence = sentences[error.code]?.(request) ?? error.message;
    return reply.code(error.statusCode).send({ error: sentence });
  }
  request.log.error({ request_id: request.id, err: error }, 'a request failed');
  return reply.code(500).send({ error: 'Internal server error.' });
};

/** What Node's parser could not read: there is no request yet, only the socket. */
export const refuseConnection = (error: ConnectionError, socket: Socket) => {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, sentence] = unreadable[error.code] ?? ['400 Bad Request', 'The request is not valid HTTP.'];
  const body = JSON.stringify({ error: sentence });
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close`;
  socket.end(`${head}\r\n\r\n${body}`);
};
const unreadable: Record<string, [status: string, sentence: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers of the request are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
};

export const errors = fastifyPlugin(
  async (app) => {
    app.setErrorHandler<FastifyError>(sendError);
    app.setNotFoundHandler((request, reply) =>
      reply.code(404).send({ error: `There is no ${request.method} ${request.url.split('?', 1)[0]} here.` }),
    );
  },
  { name: 'errors', fastify: '5.x' },
);
