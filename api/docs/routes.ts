/** /openapi.json, /asyncapi.json, and /docs, a page that shows both. */
import { createHash } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { readDocument } from '../documents.ts';
import { JSON_TYPE } from '../http/answers.ts';
import { compress } from '../http/compression.ts';
import { type Coding, chooseCoding, namesTag } from '../http/negotiation.ts';

/** The page loads its own script and style and the two documents, and nothing else from anywhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

interface Served {
  url: string;
  path: string;
  type: string;
  /** Whether it is only a part of the page, of which the documentation says nothing. */
  hide?: boolean;
}

const PAGE = 'api/docs/page';
const HTML_TYPE = 'text/html; charset=utf-8';
const SCRIPT_TYPE = 'text/javascript; charset=utf-8';
const STYLE_TYPE = 'text/css; charset=utf-8';
const part = (name: string, type: string): Served => ({
  url: `/docs/${name}`,
  path: `${PAGE}/${name}`,
  type,
  hide: true,
});

const files: Served[] = [
  { url: '/openapi.json', path: 'docs/openapi.json', type: JSON_TYPE },
  { url: '/asyncapi.json', path: 'docs/asyncapi.json', type: JSON_TYPE },
  { url: '/docs', path: `${PAGE}/page.html`, type: HTML_TYPE },
  part('page.css', STYLE_TYPE),
  ...['page.js', 'elements.js', 'schemas.js'].map((name) => part(name, SCRIPT_TYPE)),
];

/** Reads a file, and compresses it, when it is asked for; each once. */
const opener = (path: string) => {
  const read = async () => {
    const body = await readDocument(path);
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

export const docsRoutes: FastifyPluginAsync = async (app) => {
  for (const { url, path, type, hide } of files) {
    const open = opener(path);
    app.get(url, { schema: { hide } }, async ({ headers }, reply) => {
      const { body, etag, encoded } = await open();
      reply.headers({
        etag,
        vary: 'accept-encoding',
        'cache-control': 'no-cache',
        'content-security-policy': CONTENT_SECURITY_POLICY,
        'x-content-type-options': 'nosniff',
      });
      if (namesTag(headers['if-none-match'], etag)) return reply.code(304).send();
      const coding = chooseCoding(headers['accept-encoding']);
      if (coding !== undefined) reply.header('content-encoding', coding);
      return reply.type(type).send(coding === undefined ? body : await encoded(coding));
    });
  }
};
