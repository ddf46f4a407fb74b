/** The id of a request, and its line in the access log. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fastifyPlugin from 'fastify-plugin';
import type { Config } from '../../config.ts';
import { compileFormat, openAccessLog } from '../access-log.ts';

/** A proxy's X-Request-Id where it is harmless in a log line, otherwise a new one. */
export const requestId = ({ headers }: Pick<IncomingMessage, 'headers'>): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
};

export const requests = fastifyPlugin<{ config: Config['accessLog'] }>(
  async (app, { config }) => {
    const format = compileFormat(config.format);
    const log = openAccessLog(config.file, (sentence) => app.log.warn(sentence));

    // Hooks with callbacks: every request would pay for a promise.
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      log.write(
        format({
          method: request.method,
          url: request.url,
          httpVersion: request.raw.httpVersion,
          statusCode: reply.statusCode,
          remoteAddress: request.ip,
          requestHeaders: request.headers,
          responseHeader: (name) => reply.raw.getHeader(name),
          bytesSent: request.method === 'HEAD' ? 0 : Number(reply.getHeader('content-length') ?? 0),
          durationMs: reply.elapsedTime,
          finishedAt: Date.now(),
          requestId: request.id,
          pid: process.pid,
        }),
      );
      done();
    });
    app.addHook('onClose', () => log.close());
  },
  { name: 'requests', fastify: '5.x' },
);
