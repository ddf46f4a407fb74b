/** How requests are read: queries, JSON bodies, and one validator whose errors are sentences. */
import { isUtf8 } from 'node:buffer';
import { parse } from 'node:querystring';
import type { TSchema } from '@sinclair/typebox';
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { canonicalId } from '../../domain/ids.ts';
import { Uuid } from '../../domain/order.ts';
import { shown, validator } from '../../domain/validate.ts';
import { HttpError, malformedUrl } from './errors.ts';

const subjects: Record<string, string> = {
  body: 'The request body',
  params: 'The path',
  querystring: 'The query',
  headers: 'The headers',
};

type Nest = unknown[] | Record<string, unknown>;
const isNest = (value: unknown): value is Nest => typeof value === 'object' && value !== null;

/**
 * All values of a query are text: if the schema wants a number or a boolean, replaces text that reads as one. An id in
 * capitals becomes the one that was given out.
 */
const readValues = (schema: TSchema, query: Record<string, unknown>): void => {
  for (const [name, { type, pattern }] of Object.entries<TSchema>(schema.properties)) {
    const text = query[name];
    if (type === 'integer' && typeof text === 'string' && /^-?\d+(\.\d+)?$/.test(text))
      query[name] = Number(text);
    if (pattern === Uuid.pattern && typeof text === 'string') query[name] = canonicalId(text);
    if (type === 'boolean' && (text === 'true' || text === 'false')) query[name] = text === 'true';
  }
};

/** If a member of a body is a number as text, makes it that number. With up to 15 digits it is exact. */
export const readNumber = (body: unknown, name: string): void => {
  if (!isNest(body) || Array.isArray(body)) return;
  const text = body[name];
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) body[name] = Number(text);
};

/** Stands for a query that is not percent-encoded UTF-8. The router must not throw, so a hook refuses it later. */
const MALFORMED = Object.freeze({});
/** The parameters of a query by name. If one is given several times, its value is a list. Never throws. */
export const readQuery = (text: string): Record<string, unknown> => {
  if (text === '') return {};
  try {
    if (text.includes('%')) decodeURIComponent(text);
    return parse(text, '&', '=', { maxKeys: 0 });
  } catch {
    return MALFORMED;
  }
};

/** Far more levels than any body needs, and far fewer than recursion can take. */
export const MAX_DEPTH = 512;
/** Whether objects and lists are nested in more than so many levels. It copies nothing, as it sees large orders too. */
const isDeeper = (nest: Nest, levels: number): boolean => {
  if (levels === 0) return true;
  if (Array.isArray(nest)) {
    for (const member of nest) if (isNest(member) && isDeeper(member, levels - 1)) return true;
  } else {
    for (const name in nest) {
      const member = nest[name];
      if (isNest(member) && isDeeper(member, levels - 1)) return true;
    }
  }
  return false;
};

/** Whether a Content-Type names a charset other than UTF-8, the only one that JSON may have (RFC 8259, 8.1). */
const isCharsetOther = (contentType: string): boolean => {
  for (const [, charset = ''] of contentType.matchAll(/;\s*charset\s*=\s*"?([^\s";]*)/gi))
    if (!/^utf-?8$/i.test(charset)) return true;
  return false;
};

/** Turns the text of a body, or of a part of one, into its value. It calls `done` before it returns. */
export type ReadText = (
  request: FastifyRequest,
  text: string,
  done: (error: Error | null, value?: unknown) => void,
) => void;

/** Makes the function that reads JSON as it is read everywhere. */
export const jsonReader = (app: FastifyInstance): ReadText => {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  return (request, text, done) =>
    parseJson(request, text, (error, value) => {
      // Nesting that deep needs at least as many characters.
      if (error === null && text.length > 2 * MAX_DEPTH && isNest(value) && isDeeper(value, MAX_DEPTH))
        done(
          new HttpError(400, `The request body is nested too deep: at most ${MAX_DEPTH} levels are taken.`),
        );
      else done(error, value);
    });
};

/**
 * Makes an app read bodies of these content types as UTF-8; `*` means every type that has no other parser. An empty body
 * counts as no body, as some clients send a content type with a DELETE or a reset although they send no body.
 */
export const readBodies = (app: FastifyInstance, types: string | string[], read: ReadText): void =>
  app.addContentTypeParser<Buffer>(types, { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    const type = request.headers['content-type'] ?? '';
    if (type !== 'application/json' && isCharsetOther(type))
      return done(new HttpError(415, `The charset of Content-Type must be utf-8, got ${shown(type)}.`));
    if (!isUtf8(body)) return done(new HttpError(400, 'The request body is not valid UTF-8.'));
    read(request, body.toString(), done);
  });

/** For routes that are called with `curl -d`, not by browsers: makes them read bodies of every content type as JSON. */
export const readAnyTypeAsJson = (app: FastifyInstance): void => {
  // Fastify refuses what is no type before it looks for a parser.
  app.addHook('onRequest', async ({ headers }) => {
    if (!/^[^\s/;]+\/[^\s/;]+/.test(headers['content-type'] ?? '')) headers['content-type'] = undefined;
  });
  app.removeContentTypeParser('*');
  readBodies(app, '*', jsonReader(app));
};

export const input = fastifyPlugin(
  async (app) => {
    app.setValidatorCompiler<TSchema>(({ schema, httpPart = '' }) => {
      const problemOf = validator(schema, subjects[httpPart] ?? httpPart);
      return (value) => {
        if (httpPart === 'querystring') readValues(schema, value);
        const problem = problemOf(value);
        return problem === undefined ? { value } : { error: new HttpError(400, problem) };
      };
    });

    app.addHook('onRequest', ({ query, headers, method, url }, reply, done) => {
      const { 'content-type': type, 'content-encoding': coding } = headers;
      // OPTIONS is answered for any URL (cors.ts).
      if (query === MALFORMED && method !== 'OPTIONS') return done(malformedUrl(url));
      if (headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0') {
        // The type of an empty body does not matter.
        if (type !== undefined) headers['content-type'] = undefined;
      } else if (coding !== undefined && coding.toLowerCase() !== 'identity') {
        // RFC 9110, 15.5.16
        reply.header('accept-encoding', 'identity');
        return done(
          new HttpError(
            415,
            `Content-Encoding is not supported: send the body as it is, got ${shown(coding)}.`,
          ),
        );
      }
      done();
    });

    app.removeAllContentTypeParsers();
    readBodies(app, 'application/json', jsonReader(app));
    app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, body, done) =>
      done(body.length === 0 ? null : new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE()),
    );
  },
  { name: 'input', fastify: '5.x', dependencies: ['errors'] },
);
