/** A server that listens, requests to it byte by byte, and what its answers to them and its access log must say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { errorCodes } from '../../api/http/error-codes.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from './app.ts';
import { isolatedEnvironment } from './environment.ts';
import { type RawAnswer, sendRaw } from './raw-http.ts';

export const HOST = 'Host: x\r\n';
export const JSON_TYPE = 'Content-Type: application/json';
export const CHUNKED = 'Transfer-Encoding: chunked';
export const ORDER = '{"customer_name":"Ada","items":[{"name":"Tea","quantity":1}]}';

/**
 * A request without a body, or the head of one that has one.
 * @param line a method and a URL
 */
export const head = (line: string, ...headers: string[]): string =>
  `${line} HTTP/1.1\r\n${HOST}${headers.map((header) => `${header}\r\n`).join('')}\r\n`;

/** A request with a body, and the length of it. */
export const request = (line: string, body: string | Buffer, ...headers: string[]): Buffer => {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(head(line, `Content-Length: ${bytes.length}`, ...headers), 'latin1'),
    bytes,
  ]);
};

export const post = (body: string | Buffer, ...headers: string[]): Buffer =>
  request('POST /orders', body, ...headers);

/** Starts a server with an access log of its own; closed when the test ends. */
export const startListening = async (t: Test) => {
  const file = join(t.testdir(), 'access.log');
  const app = await startReadyApp(
    t,
    await isolatedEnvironment({
      ACCESS_LOG_FILE: file,
      ACCESS_LOG_FORMAT: '%({x-request-id}o)s %(s)s %(B)s %(m)s %(U)s %(H)s',
    }),
  );
  Object.assign(app.server, { connectionsCheckingInterval: 50 });
  const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);
  /** Answers for each of which the log must have exactly one line. */
  const logged: { what: string; answer: RawAnswer; request: string }[] = [];

  return {
    port,

    /** Sends a request that does not end, for which the server waits 100 ms. */
    sendUnfinished: async (bytes: string | Buffer): Promise<RawAnswer[]> => {
      Object.assign(app.server, { requestTimeout: 100, headersTimeout: 100 });
      try {
        return await sendRaw(port, bytes);
      } finally {
        Object.assign(app.server, { requestTimeout: 30_000, headersTimeout: 30_000 });
      }
    },

    /**
     * Looks whether an answer is a refusal as all of them are, and keeps it for `checkLog`.
     * @param request how the access log names what was asked: method, path and version
     */
    checkRefusal: (
      t: Test,
      what: string,
      answer: RawAnswer | undefined,
      status: number,
      error: string | RegExp,
      request: string,
    ): void => {
      if (answer === undefined) {
        t.fail(`${what}: no answer`);
        return;
      }
      t.equal(answer.status, status, what);
      t.match(answer.headers['content-type'], /^application\/json/, what);
      t.match(answer.headers['x-request-id'], /^[\w-]+$/, what);
      t.equal(answer.headers['access-control-allow-origin'], '*', what);
      t.match(answer.headers['access-control-expose-headers'], /x-request-id/, what);
      const body = JSON.parse(answer.body);
      t.strictSame(Object.keys(body), ['error', 'code'], what);
      t.match(body.error, error, what);
      t.ok(Object.hasOwn(errorCodes, body.code), `${what}: ${body.code}`);
      logged.push({ what, answer, request });
    },

    /** Sends requests that are not refused, each over a connection of its own. */
    checkTaken: async (
      t: Test,
      rows: [what: string, bytes: string | Buffer, status: number][],
    ): Promise<void> => {
      for (const [what, bytes, status] of rows) {
        const [answer] = await sendRaw(port, bytes);
        t.equal(answer?.status, status, `${what} ${answer?.body}`);
        t.equal(answer?.headers['access-control-allow-origin'], '*', what);
        if (status !== 204) continue;
        t.match(answer?.headers.allow, /GET.*POST.*DELETE/, what);
        t.equal(answer?.body, '', what);
      }
    },

    /** Looks whether each refusal so far has one line in the access log. */
    checkLog: async (t: Test): Promise<void> => {
      const lines = await until('the log has the last line', () => {
        const all = readFileSync(file, 'utf8').split('\n');
        return (
          all.some((line) => line.startsWith(String(logged.at(-1)?.answer.headers['x-request-id']))) && all
        );
      });
      for (const { what, answer, request } of logged) {
        const id = answer.headers['x-request-id'] ?? '';
        t.strictSame(
          lines.filter((line) => line.startsWith(id)),
          [`${id} ${answer.status} ${answer.body === '' ? 0 : Buffer.byteLength(answer.body)} ${request}`],
          what,
        );
      }
    },
  };
};
