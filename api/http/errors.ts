/** Every error leaves as `{error: "<sentence>"}`. What only an operator may know goes to the log. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { isSystemFailure, reasonOf } from '../../db/errors.ts';
import { shown } from '../../domain/validate.ts';
import { PublishError } from '../../queue/publisher.ts';

const RETRY_AFTER_SECONDS = 1;

/**
 * An error whose message is the sentence for the client, and whose code is a word for the client's program. Of a 503 it
 * is told to try again.
 */
export class HttpError extends Error {
  readonly statusCode: number;
  /** Not `code`, where Fastify puts words of its own. */
  readonly answerCode: string | undefined;

  constructor(statusCode: number, sentence: string, code?: string) {
    super(sentence);
    this.statusCode = statusCode;
    this.answerCode = code;
  }
}

export const malformedUrl = (url: string) =>
  new HttpError(400, `The URL must be valid percent-encoded UTF-8, got ${shown(url)}.`);

/** For a path, or a method of a path, that there is not. */
export const notHere = (method: string, url: string) =>
  new HttpError(404, `There is no ${method} ${url.split('?', 1)[0]} here.`);

/** Fastify's own errors in our words. */
const sentences: Record<string, (request: FastifyRequest) => string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ({ routeOptions }) =>
    `The request body is too large: at most ${routeOptions.bodyLimit} bytes are taken.`,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ({ headers }) =>
    `Content-Type must be application/json, got ${shown(headers['content-type'] ?? '')}.`,
  FST_ERR_CTP_INVALID_JSON_BODY: () => 'The request body is not valid JSON.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    'The request body does not have the length of its Content-Length.',
};

const unaccepted: Record<PublishError['outcome'], string> = {
  refused: 'Unable to queue order.',
  impossible: 'Unable to queue order.',
  overfull: 'Too many writes are waiting.',
  unknown:
    'Unable to queue order: whether it was queued is unknown, as the broker did not answer in time. A retry with the same Idempotency-Key is safe.',
};

const unavailable = (reply: FastifyReply, error: string, code?: string) =>
  reply.code(503).header('retry-after', RETRY_AFTER_SECONDS).send({ error, code });

export const sendError = (
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply => {
  if (error instanceof HttpError) {
    const { statusCode, message, answerCode } = error;
    if (statusCode === 503) return unavailable(reply, message, answerCode);
    return reply.code(statusCode).send({ error: message, code: answerCode });
  }
  if (error instanceof PublishError) {
    request.log.warn(
      { request_id: request.id, outcome: error.outcome, reason: error.message },
      'a write was not confirmed',
    );
    return unavailable(reply, unaccepted[error.outcome]);
  }
  if (isSystemFailure(error)) {
    request.log.warn({ request_id: request.id, reason: reasonOf(error) }, 'MySQL did not answer');
    return unavailable(reply, 'Unable to read orders.');
  }
  if ('statusCode' in error && error.statusCode !== undefined && error.statusCode < 500) {
    if (request.is404) return sendError(notHere(request.method, request.url), request, reply);
    // Fastify would close the connection, and a client that reads only when it has sent all would never see the answer.
    // What still comes is thrown away, for as long as a request may take.
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE' && !request.server.isDraining())
      reply.removeHeader('connection');
    const sentence = sentences[error.code]?.(request) ?? 'The request is not valid.';
    return reply.code(error.statusCode).send({ error: sentence });
  }
  request.log.error({ request_id: request.id, reason: reasonOf(error), err: error }, 'a request failed');
  return reply.code(500).send({ error: 'Internal server error.' });
};

export const errors = fastifyPlugin(
  async (app) => {
    app.setErrorHandler<FastifyError>(sendError);
    app.setNotFoundHandler((request) => {
      throw notHere(request.method, request.url);
    });
  },
  { name: 'errors', fastify: '5.x' },
);
