/** Serves the files of pages: those in the project, each read and compressed once. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { readBuilt } from '../documents.ts';
import { compress } from './compression.ts';
import { type Coding, chooseCoding, namesTag } from './negotiation.ts';

/** A page loads its own scripts and styles and calls this server, and nothing else from anywhere. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

export const HTML_TYPE = 'text/html; charset=utf-8';
export const SCRIPT_TYPE = 'text/javascript; charset=utf-8';
export const STYLE_TYPE = 'text/css; charset=utf-8';

export interface StaticFile {
  url: string;
  /** In the project's folder. */
  path: string;
  type: string;
  /** Whether it is only a part of a page, of which the documentation says nothing. */
  hide?: boolean;
  /** Headers besides those that all of them have. */
  headers?: Record<string, string>;
}

/** Reads a file, and compresses it, when it is asked for; each once. */
const opener = (path: string) => {
  const read = async () => {
    const body = await readBuilt(path);
    const etag = `W/"${createHash('sha1').update(body).digest('base64url')}"`;
    const codings = new Map<Coding, Promise<Buffer>>();
    const encoded = (coding: Coding): Promise<Buffer> => {
      const compressed = codings.get(coding) ?? compress(body, coding);
      codings.set(coding, compressed);
      return compressed;
    };
    return { body, etag, encoded };
  };
  let opened: ReturnType<typeof read> | undefined;
  return () => {
    opened ??= read().catch((error) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
};

/** Adds a route for each file. */
export const serveFiles = (app: FastifyInstance, files: StaticFile[]): void => {
  for (const { url, path, type, hide, headers: own } of files) {
    const open = opener(path);
    app.get(url, { schema: { hide } }, async ({ headers }, reply) => {
      const { body, etag, encoded } = await open();
      reply.headers({
        etag,
        vary: 'accept-encoding',
        'cache-control': 'no-cache',
        'content-security-policy': CONTENT_SECURITY_POLICY,
        'x-content-type-options': 'nosniff',
        ...own,
      });
      if (namesTag(headers['if-none-match'], etag)) return reply.code(304).send();
      const coding = chooseCoding(headers['accept-encoding']);
      if (coding !== undefined) reply.header('content-encoding', coding);
      return reply.type(type).send(coding === undefined ? body : await encoded(coding));
    });
  }
};
