/**
 * Answers what Node's HTTP server would answer in its own words, or not at all: bytes that it cannot read, requests
 * without Host, expectations, CONNECT. They all get what other errors get: a sentence, an id, a line in the access log.
 */
import { randomUUID } from 'node:crypto';
import { type IncomingHttpHeaders, type IncomingMessage, maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { shown } from '../../domain/validate.ts';
import { corsHeaders } from './cors.ts';
import { errorAnswer, HttpError, notHere } from './errors.ts';
import { requestId } from './requests.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers a client whose bytes are not a request, or not the rest of one, and closes the connection. */
    refuseBytes(error: ConnectionError, socket: Socket): void;
  }
}

/**
 * How long we go on reading what a refused client sends. If we closed its connection at once, the client might never
 * see the answer (RFC 9112, 9.6).
 */
const LINGER_MS = 1_000;

type Refusal = [status: number, sentence: string];
/** The refusal for each code of Node's parser (llhttp) and of its time limits. */
const unreadable: Record<string, Refusal> = {
  HPE_HEADER_OVERFLOW: [
    431,
    `The URL and the headers of the request are too large: at most ${maxHeaderSize} bytes are taken.`,
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunk extensions of the request body are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
  HPE_INVALID_URL: [400, 'The URL must be percent-encoded ASCII.'],
  HPE_INVALID_EOF_STATE: [400, 'The request ended too early.'],
  HPE_PAUSED_H2_UPGRADE: [400, 'HTTP/2 is not spoken here: use HTTP/1.1.'],
};
const NO_HTTP: Refusal = [400, 'The request is not valid HTTP.'];

/** Whether the header Host is there more than once: Node takes the first one and silently drops the others. */
const hasHostTwice = ({ rawHeaders }: IncomingMessage): boolean => {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts > 1;
};

/** What is wrong with the head of a request although Node lets it pass; undefined if nothing is. */
const problemOf = ({ headers, raw }: FastifyRequest): HttpError | undefined => {
  const { host, expect, 'transfer-encoding': coding } = headers;
  // RFC 9112, 3.2
  if (host === undefined && raw.httpVersion === '1.1')
    return new HttpError(400, 'The header Host is required with HTTP/1.1.');
  if (host !== undefined && hasHostTwice(raw))
    return new HttpError(400, 'The header Host must be given once.');
  // RFC 9110, 10.1.1
  if (expect !== undefined && !/(^|\W)100-continue($|\W)/i.test(expect))
    return new HttpError(417, `Expect must be 100-continue, got ${shown(expect)}.`);
  // Node takes chunks apart and nothing else.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return new HttpError(400, `Transfer-Encoding must be chunked, got ${shown(coding)}.`);
  return undefined;
};

/** The header Accept in bytes that are not a request, so far as it came with the last of them. */
const acceptIn = (bytes: unknown): string | undefined =>
  Buffer.isBuffer(bytes) ? /^accept:[ \t]*(.*?)\r?$/im.exec(bytes.toString('latin1'))?.[1] : undefined;

/** Closes a connection from which no further request can be read, after everything is sent that is still to be sent. */
const linger = (socket: Socket) => {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
};

interface Head {
  id: string;
  headers: IncomingHttpHeaders;
  request?: IncomingMessage;
}

export const refusals = fastifyPlugin(
  async (app) => {
    const refused = new WeakSet<Socket>();

    /** Writes the answer straight to the connection, as there is no reply object. */
    const answer = (socket: Socket, error: HttpError, { id, headers, request }: Head) => {
      const { statusCode, answerCode: code } = error;
      app.observer.requestRefused({ code });
      const { type, body } = errorAnswer(error, headers.accept);
      const answerHeaders: Record<string, string | number> = {
        'x-request-id': id,
        ...corsHeaders,
        'content-type': type,
        vary: 'accept',
        'content-length': Buffer.byteLength(body),
        date: new Date().toUTCString(),
        connection: 'close',
      };
      const lines = Object.entries(answerHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\n${lines.join('')}\r\n${body}`);
      linger(socket);
      app.logAccess({
        method: request?.method,
        url: request?.url,
        httpVersion: request?.httpVersion,
        statusCode,
        remoteAddress: socket.remoteAddress,
        requestHeaders: headers,
        responseHeader: (name) => answerHeaders[name],
        bytesSent: Buffer.byteLength(body),
        durationMs: undefined,
        finishedAt: Date.now(),
        requestId: id,
        pid: process.pid,
      });
    };

    const refuse = (socket: Socket, error: HttpError, accept?: string): void => {
      const reply = app.openReply(socket);
      if (reply === undefined) {
        if (socket.writable) answer(socket, error, { id: randomUUID(), headers: { accept } });
        return;
      }
      const message = reply.request.raw;
      if (message.complete) {
        // The unreadable bytes came after a request, whose answer goes first.
        reply.raw.once('close', () => refuse(socket, error, accept));
        return;
      }
      // The bytes are that request's body. Its reader answers; if nobody reads it, the answer does not depend on it.
      reply.raw.shouldKeepAlive = false;
      reply.raw.once('close', () => linger(socket));
      if (message.listenerCount('error') > 0) message.emit('error', error);
    };

    app.decorate('refuseBytes', ({ code, rawPacket }: ConnectionError, socket: Socket) => {
      if (code === 'ECONNRESET') return void socket.destroy();
      // Node reports each further chunk of refused bytes again.
      if (refused.has(socket)) return;
      refused.add(socket);
      refuse(socket, new HttpError(...(unreadable[code] ?? NO_HTTP)), acceptIn(rawPacket));
    });

    app.addHook('onRequest', (request, _reply, done) => done(problemOf(request)));
    app.server.on('checkExpectation', (request, response) => app.routing(request, response));
    app.server.on('connect', (request, socket: Socket) => {
      socket.on('error', () => socket.destroy());
      socket.resume();
      const { method = '', url = '', headers } = request;
      const refuseTunnel = () => {
        if (socket.writable)
          answer(socket, notHere(method, url), { id: requestId(request), headers, request });
      };
      const before = app.openReply(socket);
      if (before === undefined) refuseTunnel();
      else before.raw.once('close', refuseTunnel);
    });
    // As many headers as fit into a head: by default Node silently drops those beyond a number of its own.
    app.server.maxHeadersCount = 0;
  },
  { name: 'refusals', fastify: '5.x', dependencies: ['requests'] },
);
