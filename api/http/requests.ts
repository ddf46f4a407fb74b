/** Gives every request its id, the headers that browsers want to see, and its line in the access log. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Config } from '../../process/config.ts';
import type { BeginTrace, RequestTrace } from '../../process/tracing.ts';
import { openAccessLog } from './access-log.ts';
import { type AccessLogEntry, accessLine } from './access-log-format.ts';
import { corsHeaders } from './cors.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Begins a request that Fastify answers without running its hooks; for all others a hook does it. */
    beginRequest(request: FastifyRequest, reply: FastifyReply): void;
    /** The reply to the latest request of a connection; undefined once that reply is over. */
    openReply(socket: Socket): FastifyReply | undefined;
    /** Writes a line of the access log. */
    logAccess(entry: AccessLogEntry): void;
  }
  interface FastifyRequest {
    /** What follows the request; undefined if nobody does. */
    trace: RequestTrace | undefined;
  }
  interface FastifyReply {
    /** How many bytes an answer that goes on until one side ends it has by now (sse.ts); undefined for all others. */
    streamedBytes: number | undefined;
  }
}

/** nginx's code for a client that went away before its answer. */
const CLIENT_CLOSED_REQUEST = 499;

/** The X-Request-Id that a client or proxy sent, if it is harmless in a log line; otherwise a new one. */
export const requestId = ({ headers }: Pick<IncomingMessage, 'headers'>): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID();
};

export const requests = fastifyPlugin<{ config: Config['accessLog']; beginTrace: BeginTrace | undefined }>(
  async (app, { config, beginTrace }) => {
    const lineOf = accessLine(config);
    const log = openAccessLog(config.file, (sentence) => app.observer.accessLogFails({ sentence }));
    /** Each connection keeps its entry, which changes: making and removing one for each request would cost more. */
    const latest = new WeakMap<Socket, { reply: FastifyReply | undefined }>();

    const logAccess = (entry: AccessLogEntry) => log.write(lineOf(entry));
    const begin = (request: FastifyRequest, reply: FastifyReply) => {
      reply
        .header('x-request-id', request.id)
        .header('access-control-allow-origin', corsHeaders['access-control-allow-origin'])
        .header('access-control-expose-headers', corsHeaders['access-control-expose-headers']);
      if (beginTrace) request.trace = beginTrace(request);
      const connection = latest.get(request.raw.socket) ?? { reply };
      connection.reply = reply;
      latest.set(request.raw.socket, connection);
      // Not the onResponse hook, which does not run if the client went away before its answer.
      reply.raw.on('close', () => {
        if (connection.reply === reply) connection.reply = undefined;
        const { streamedBytes } = reply;
        // Most streams end when the client goes away.
        const answered = reply.raw.writableFinished || streamedBytes !== undefined;
        const length = streamedBytes ?? Number(reply.getHeader('content-length') ?? 0);
        const statusCode = answered ? reply.statusCode : CLIENT_CLOSED_REQUEST;
        const { url: route } = request.routeOptions;
        request.trace?.answered(route, statusCode);
        if (streamedBytes === undefined)
          app.observer.requestAnswered({
            method: request.method,
            route,
            status: statusCode,
            ms: reply.elapsedTime,
          });
        logAccess({
          method: request.method,
          url: request.url,
          httpVersion: request.raw.httpVersion,
          statusCode,
          remoteAddress: request.ip,
          requestHeaders: request.headers,
          responseHeader: (name) => reply.getHeader(name),
          bytesSent: answered && request.method !== 'HEAD' ? length : 0,
          durationMs: reply.elapsedTime,
          finishedAt: Date.now(),
          requestId: request.id,
          pid: process.pid,
        });
      });
    };

    app.decorateRequest('trace', undefined);
    app.decorateReply('streamedBytes', undefined);
    app.decorate('beginRequest', begin);
    app.decorate('openReply', (socket: Socket) => latest.get(socket)?.reply);
    app.decorate('logAccess', logAccess);
    // With a callback, as a promise for every request would cost time.
    app.addHook('onRequest', (request, reply, done) => {
      begin(request, reply);
      done();
    });
    app.addHook('onClose', () => log.close());
  },
  { name: 'requests', fastify: '5.x' },
);
