/**
 * A small HTTP server for probes and metrics, on METRICS_PORT, of a process that serves no clients. Nobody who works depends on it:
 * if its port is in use, the process goes on without it and tries again.
 */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { Observer } from './observer.ts';

const RETRY_MS = 1_000;
/** Probes send a line or two, and Prometheus not much more. */
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 100;

export interface Page {
  status: number;
  contentType: string;
  body: string;
}
/** What is answered, by path. */
export type Pages = Record<string, () => Page | Promise<Page>>;

/** A page in JSON. */
export const jsonPage = (status: number, body: object): Page => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body: JSON.stringify(body),
});

const failed = (status: number, error: string, code: string) => jsonPage(status, { error, code });

const pageFor = async (pages: Pages, method = '', url = ''): Promise<Page> => {
  const path = url.split('?', 1)[0] ?? '';
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (!page) return failed(404, 'There is no such page.', 'not_found');
  if (method !== 'GET' && method !== 'HEAD') return failed(405, 'Only GET is served.', 'method_not_allowed');
  return page();
};

const listener =
  (pages: Pages): RequestListener =>
  async (request, response) => {
    const { status, contentType, body } = await pageFor(pages, request.method, request.url).catch(() =>
      failed(500, 'The page cannot be made.', 'internal_error'),
    );
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };

/**
 * Serves pages until it is closed, which does not keep the process from ending.
 * @param at where; undefined if nobody asked for it
 * @returns a function that stops serving
 */
export const serveEndpoint = (
  at: { host: string; port: number } | undefined,
  pages: Pages,
  observer: Observer,
): (() => void) => {
  if (at === undefined) return () => {};
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, listener(pages)).unref();
  server.maxConnections = MAX_CONNECTIONS;
  let closed = false;
  let told: string | undefined;
  const listen = async (): Promise<void> => {
    while (!closed) {
      try {
        await once(server.listen(at.port, at.host), 'listening');
        return;
      } catch (error) {
        const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
        if (reason !== told) observer.endpointFails({ ...at, reason });
        told = reason;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
    }
  };
  void listen();
  return () => {
    closed = true;
    server.close();
    server.closeAllConnections();
  };
};
