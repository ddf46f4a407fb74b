/**
 * Every error is answered as `{error: "<sentence>", code: "<word>"}`, or as RFC 9457 describes it to who asks for that.
 * What only operators may know goes to the log.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { isSystemFailure, reasonOf } from '../../db/errors.ts';
import { shown } from '../../domain/validate.ts';
import { DeadlineError } from '../../process/deadline.ts';
import { PublishError } from '../../queue/errors.ts';
import { codeOfStatus, type ErrorCode, errorCodes } from './error-codes.ts';
import { PROBLEM_TYPE, prefersProblem } from './negotiation.ts';

const RETRY_AFTER_SECONDS = 1;
export const JSON_TYPE = 'application/json; charset=utf-8';

/** An error whose message is the sentence for the client. A 503 also tells the client when to try again. */
export class HttpError extends Error {
  readonly statusCode: number;
  /** Not named `code`, as Fastify puts codes of its own there. */
  readonly answerCode: ErrorCode;

  constructor(statusCode: number, sentence: string, code: ErrorCode = codeOfStatus(statusCode)) {
    super(sentence);
    this.statusCode = statusCode;
    this.answerCode = code;
  }
}

/** An error as JSON. */
export const errorBody = ({ message, answerCode }: HttpError) => ({ error: message, code: answerCode });

/** The content type and the body of an error's answer, in the form that the client wants. @param accept its header */
export const errorAnswer = (error: HttpError, accept: string | undefined): { type: string; body: string } => {
  if (!prefersProblem(accept)) return { type: JSON_TYPE, body: JSON.stringify(errorBody(error)) };
  const { message, statusCode, answerCode: code } = error;
  // Where the page /docs says what the code means. With its full path, as RFC 9457 (3.1.1) wants it.
  const type = `/docs#error-${code}`;
  const problem = { type, title: errorCodes[code], status: statusCode, detail: message, code };
  return { type: `${PROBLEM_TYPE}; charset=utf-8`, body: JSON.stringify(problem) };
};

/** The 400 for a URL that cannot be decoded. */
export const malformedUrl = (url: string) =>
  new HttpError(400, `The URL must be valid percent-encoded UTF-8, got ${shown(url)}.`);

/** The 404 for a path that does not exist, or not with this method. */
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

const NOT_QUEUED = 'Unable to queue order.';
/** The answer for each reason why a write was not accepted. */
export const unaccepted: Record<PublishError['outcome'], HttpError> = {
  refused: new HttpError(503, NOT_QUEUED, 'queue_unavailable'),
  impossible: new HttpError(413, 'The order is larger than what the queue takes.'),
  overfull: new HttpError(503, 'Too many writes are waiting.', 'backlog_full'),
  unknown: new HttpError(
    503,
    'Unable to queue order: whether it was queued is unknown, as the broker did not answer in time. A retry with the same Idempotency-Key is safe.',
    'outcome_unknown',
  ),
};
const unreadable = new HttpError(503, 'Unable to read orders.', 'database_unavailable');

/**
 * Whether an error means that MySQL did not answer, or not in time. A DeadlineError always means MySQL, as requests set
 * a deadline for nothing else.
 */
export const couldNotRead = (error: unknown): boolean =>
  error instanceof DeadlineError || isSystemFailure(error);

const send = (reply: FastifyReply, error: HttpError): FastifyReply => {
  reply.server.observer.requestRefused({ code: error.answerCode });
  if (error.statusCode === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  const { type, body } = errorAnswer(error, reply.request.headers.accept);
  const varies = reply.getHeader('vary');
  reply.header('vary', varies === undefined ? 'accept' : `${varies}, accept`);
  return reply.code(error.statusCode).type(type).send(body);
};

/** Answers a request with an error, and tells the observer what operators need to know. An unknown error is a 500. */
export const sendError = (
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply => {
  if (error instanceof HttpError) return send(reply, error);
  if (error instanceof PublishError) {
    const { outcome, message: reason, messages: writes } = error;
    request.server.observer.writeRefused({ requestId: request.id, outcome, reason, writes });
    return send(reply, unaccepted[outcome]);
  }
  if (couldNotRead(error)) {
    request.server.observer.databaseUnread({ requestId: request.id, reason: reasonOf(error) });
    return send(reply, unreadable);
  }
  if ('statusCode' in error && error.statusCode !== undefined && error.statusCode < 500) {
    if (request.is404) return send(reply, notHere(request.method, request.url));
    // Fastify would close the connection. A client that sends its whole body before it reads would never see the answer.
    // So the rest of the body is read and thrown away, for as long as a request may take.
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE' && !request.server.isDraining())
      reply.removeHeader('connection');
    const sentence = sentences[error.code]?.(request) ?? 'The request is not valid.';
    return send(reply, new HttpError(error.statusCode, sentence));
  }
  request.server.observer.requestFailed({ requestId: request.id, reason: reasonOf(error), error });
  return send(reply, new HttpError(500, 'Internal server error.'));
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
