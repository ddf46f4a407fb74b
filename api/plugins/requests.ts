/** The id of a request, and its line in the access log. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fastifyPlugin from 'fastify-plugin';
import type { Config } from '../../config.ts';
import { compileFormat, openAccessLog } from '../access-log.ts';

/** As nginx logs it: nobody was there any more for the answer. */
const CLIENT_CLOSED_REQUEST = 499;

/** A proxy's X-Request-Id where it is harmless in a log line, otherwise a new one. */
export const requestId = ({ headers }: Pick<IncomingMessage, 'headers'>): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
};

export const requests = fastifyPlugin<{ config: Config['accessLog'] }>(
  async (app, { config }) => {
    const format = compileFormat(config.format);
    const log = openAccessLog(config.file, (sentence) => app.log.warn(sentence));

    // With a callback: every request would pay for a promise.
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      // Not onResponse, which says nothing of clients that went away before their answer.
      reply.raw.on('close', () => {
        const answered = reply.raw.writableFinished;
        log.write(
          format({
            method: request.method,
            url: request.url,
            httpVersion: request.raw.httpVersion,
            statusCode: answered ? reply.statusCode : CLIENT_CLOSED_REQUEST,
            remoteAddress: request.ip,
            requestHeaders: request.headers,
            responseHeader: (name) => reply.getHeader(name),
            bytesSent:
              answered && request.method !== 'HEAD' ? Number(reply.getHeader('content-length') ?? 0) : 0,
            durationMs: reply.elapsedTime,
            finishedAt: Date.now(),
            requestId: request.id,
            pid: process.pid,
          }),
        );
      });
      done();
    });
    app.addHook('onClose', () => log.close());
  },
  { name: 'requests', fastify: '5.x' },
);
