/**
 * Makes docs/openapi.json from the routes, with their schemas, and from what `docs.ts` beside each of them says. Not
 * loaded by the service, which serves the file.
 */
import fastifySwagger from '@fastify/swagger';
import { type TSchema, Type } from '@sinclair/typebox';
import type { FastifySchema, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { NewOrder, Order, OrderItem, StatusUpdate } from '../../domain/order.ts';
import { loadConfig } from '../../process/config.ts';
import { createLog } from '../../process/log.ts';
import { unobserved } from '../../process/log-events.ts';
import { DeadLetter } from '../../queue/dead-letters.ts';
import { adminDocs } from '../admin/docs.ts';
import { buildApp } from '../app.ts';
import { consoleDocs } from '../console/docs.ts';
import { healthDocs } from '../health/docs.ts';
import type { ErrorCode } from '../http/error-codes.ts';
import { Job } from '../jobs/answers.ts';
import { jobDocs } from '../jobs/docs.ts';
import { listDocs } from '../lists/docs.ts';
import { batchDocs } from '../orders/batch-docs.ts';
import { orderDocs } from '../orders/docs.ts';
import { introduction, securitySchemes, tags } from './about.ts';
import { docsDocs } from './docs.ts';
import {
  adminErrors,
  bodyErrors,
  commonErrors,
  consoleErrors,
  consoleWriteErrors,
  errorAnswerOf,
  errorSchemas,
  sessionErrors,
} from './errors.ts';
import {
  type RequestHeader,
  type ResponseHeader,
  requestHeaders,
  requestId,
  responseHeaders,
} from './headers.ts';
import type { Operation, Operations } from './operation.ts';
import { sharing } from './schemas.ts';

/** All calls. */
export const operations: Operations = {
  ...orderDocs,
  ...batchDocs,
  ...jobDocs,
  ...listDocs,
  ...adminDocs,
  ...consoleDocs,
  ...healthDocs,
  ...docsDocs,
};
/** The schemas that the document names. */
const shared = { OrderItem, NewOrder, Order, StatusUpdate, Job, DeadLetter };

const PASSWORD = { adminPassword: [] };
const SESSION = { consoleSession: [] };
const methodOf = ({ method }: RouteOptions): string => String(Array.isArray(method) ? method[0] : method);

/** @throws Error for a route that nobody has documented */
const operationOf = (documentation: Operations, method: string, url: string): Operation => {
  const operation = documentation[`${method} ${url}`];
  if (!operation) throw new Error(`${method} ${url} is not in docs.ts beside its routes.ts.`);
  return operation;
};

const withDescriptions = (schema: TSchema, texts: Record<string, string>): TSchema => ({
  ...schema,
  properties: Object.fromEntries(
    Object.entries<TSchema>(schema.properties).map(([name, property]) => {
      if (texts[name] === undefined) throw new Error(`The parameter ${name} is not documented.`);
      return [name, { ...property, description: texts[name] }];
    }),
  ),
});

const withMembers = (schema: TSchema = Type.Object({}), members?: Record<string, TSchema>): TSchema =>
  members ? { ...schema, properties: { ...schema.properties, ...members } } : schema;

const headersOf = (names: readonly RequestHeader[]): TSchema =>
  Type.Object(Object.fromEntries(names.map((name): [string, TSchema] => [name, requestHeaders[name]])));

/** The schemas of a route, with what they do not say. Errors are added later, as they are not schemas. */
const documented = (route: RouteOptions, operation: Operation): FastifySchema => {
  const schema: Record<string, TSchema | undefined> & { response?: Record<string, unknown> } = {
    ...(route.schema as object),
  };
  const {
    operationId,
    tag,
    summary,
    description,
    headers = [],
    params,
    query,
    body,
    answers,
    admin,
    console: door,
  } = operation;
  const answered = Object.entries(answers).map(([status, { type }]) => {
    const answer = type === undefined ? schema.response?.[status] : { content: { [type]: { schema: {} } } };
    if (!answer && status !== '304') throw new Error(`${operationId} has no schema for its ${status}.`);
    return [status, answer ?? Type.Null()];
  });
  return {
    operationId,
    tags: [tag],
    summary,
    description,
    headers: headersOf(headers),
    ...(schema.params && { params: Type.Object(params ?? {}) }),
    ...(schema.querystring && { querystring: withDescriptions(schema.querystring, query ?? {}) }),
    ...(body && { body: body.schema ?? withMembers(schema.body, body.members) }),
    ...(admin && { security: body ? [PASSWORD, {}] : [PASSWORD] }),
    ...(door === 'session' && { security: [SESSION] }),
    response: Object.fromEntries(answered),
  };
};

/** All codes that an operation may answer with, by their status. */
const errorsOf = (operation: Operation, method: string): Record<number, ErrorCode[]> => {
  const all: Record<number, ErrorCode[]> = {};
  for (const errors of [
    commonErrors,
    method === 'GET' ? {} : bodyErrors,
    operation.admin ? adminErrors : {},
    operation.console ? consoleErrors : {},
    operation.console === 'session' ? sessionErrors : {},
    operation.console === 'session' && method !== 'GET' ? consoleWriteErrors : {},
    operation.errors ?? {},
  ])
    for (const [status, codes] of Object.entries(errors))
      all[Number(status)] = [...(all[Number(status)] ?? []), ...codes];
  return all;
};

/** What @fastify/swagger makes of a route, as far as it is completed here. */
interface Found {
  parameters?: unknown[];
  requestBody?: Media;
  responses?: Record<string, Media>;
}
interface Media {
  content?: Record<string, { schema?: unknown }>;
}
interface FoundDocument {
  paths?: Record<string, Record<string, Found>>;
}

/** @param name of a header, with a question mark if it may be absent */
const headerNamed = (name: string): [name: string, header: object] => {
  const own = name.replace('?', '') as ResponseHeader;
  const header = { $ref: `#/components/headers/${own}` };
  return [own, own === name ? header : { ...responseHeaders[own], required: false }];
};

/** Completes an operation: examples, headers of answers, errors. Puts the answers to errors into `responses`. */
const complete = (
  found: Found,
  operation: Operation,
  method: string,
  responses: Record<string, unknown>,
): unknown => {
  const { body, answers } = operation;
  const answered: Record<string, unknown> = {};
  for (const [status, { description, headers = [], example }] of Object.entries(answers)) {
    const { content } = found.responses?.[status] ?? {};
    const named = ['X-Request-Id', ...headers].map((name) => headerNamed(name));
    const media = Object.entries(content ?? {}).map(([type, { schema }]) => [
      type,
      { schema, ...(example !== undefined && { example }) },
    ]);
    answered[status] = {
      description,
      headers: Object.fromEntries(named),
      ...(media.length > 0 && { content: Object.fromEntries(media) }),
    };
  }
  for (const [status, codes] of Object.entries(errorsOf(operation, method))) {
    // Such an answer is described by its own schema: health says what is away.
    if (answered[status] !== undefined) continue;
    const name = [status, ...codes].join('.');
    responses[name] = errorAnswerOf(Number(status), codes);
    answered[status] = { $ref: `#/components/responses/${name}` };
  }
  const [type = '', { schema } = {}] = Object.entries(found.requestBody?.content ?? {})[0] ?? [];
  return {
    ...found,
    parameters: [...(found.parameters ?? []), { $ref: '#/components/parameters/X-Request-Id' }],
    ...(body && {
      requestBody: {
        required: !body.optional,
        content: { [type]: { schema, example: body.example }, ...body.others },
      },
    }),
    responses: answered,
  };
};

/** Completes the document. */
const completeAll = (openapi: FoundDocument, documentation: Operations): object => {
  const { schemas, refer } = sharing(shared);
  const responses: Record<string, unknown> = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [path, item] of Object.entries(openapi.paths ?? {}))
    for (const [method, found] of Object.entries(item)) {
      // HEAD is said of all paths at once.
      if (method === 'head') continue;
      const upper = method.toUpperCase();
      const operation = operationOf(documentation, upper, path.replaceAll(/\{(\w+)\}/g, ':$1'));
      paths[path] = {
        ...paths[path],
        [method]: complete(found, operation, upper, responses),
      };
    }
  return {
    ...openapi,
    paths: refer(paths),
    components: {
      schemas: { ...schemas, ...errorSchemas },
      parameters: { 'X-Request-Id': requestId },
      headers: responseHeaders,
      responses,
      securitySchemes,
    },
  };
};

/** Settings with which an app can be built that nobody calls: it reaches no server, and needs none. */
const NOWHERE = {
  DATABASE_URL: 'mysql://nobody@127.0.0.1:9/orders',
  RABBITMQ_HOST: '127.0.0.1',
  RABBITMQ_PORT: '9',
  CACHE_DISABLED: 'true',
  ACCESS_LOG_FILE: '/dev/null',
};

/**
 * Makes the document, as its file has it.
 * @param version of the service
 * @param documentation what is said of the calls
 * @throws Error for a route or a parameter of a query that nobody has documented, and for documentation without a route
 */
export const openapiDocument = async (version: string, documentation = operations): Promise<string> => {
  const routes = new Set<string>();
  const swagger = fastifyPlugin(async (app) => {
    await app.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.1',
        info: {
          title: 'Orders',
          version,
          description: introduction,
          license: { name: 'MIT', identifier: 'MIT' },
        },
        // Relative to the document, so that it is right behind a proxy that adds a path prefix, too.
        servers: [{ url: '.' }],
        tags,
        components: { securitySchemes },
      },
      stripBasePath: false,
      convertConstToEnum: false,
      transform: ({ schema, url, route }) => {
        if (schema?.hide) return { schema, url };
        routes.add(`${methodOf(route)} ${url}`);
        return { schema: documented(route, operationOf(documentation, methodOf(route), url)), url };
      },
      transformObject: (document) =>
        completeAll(
          'openapiObject' in document ? (document.openapiObject as FoundDocument) : {},
          documentation,
        ),
    });
  });
  const app = await buildApp(
    loadConfig(NOWHERE),
    { log: createLog('documents', { level: 'silent' }), observer: unobserved },
    swagger,
  );
  try {
    await app.ready();
    const document = app.swagger();
    for (const name of Object.keys(documentation))
      if (!routes.has(name)) throw new Error(`There is no route ${name}, which is documented.`);
    return `${JSON.stringify(document, undefined, 2)}\n`;
  } finally {
    await app.close();
  }
};
