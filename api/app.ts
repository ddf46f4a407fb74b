/** The application: plugins and routes. It never listens by itself, so tests can build exactly what the server runs. */
import { type FastifyInstance, type FastifyPluginAsync, fastify, LogController } from 'fastify';
import type { Config } from '../process/config.ts';
import type { Telling } from '../process/lifecycle.ts';
import { type Observer, observers } from '../process/observer.ts';
import type { BeginTrace } from '../process/tracing.ts';
import { deadLetterRoutes } from './admin/dead-letters.ts';
import { adminRoutes, unfinishedResets } from './admin/routes.ts';
import { backends } from './backends.ts';
import { createCounter, noteAccepted } from './console/accepted.ts';
import { consoleRoutes } from './console/routes.ts';
import { docsRoutes } from './docs/routes.ts';
import { healthRoutes } from './health/routes.ts';
import { requireAdmin } from './http/admin.ts';
import { answerOptions, cors } from './http/cors.ts';
import { drain } from './http/drain.ts';
import { errors, malformedUrl, sendError } from './http/errors.ts';
import { input, readQuery } from './http/input.ts';
import { readers } from './http/readers.ts';
import { refusals } from './http/refusals.ts';
import { requestId, requests } from './http/requests.ts';
import { buildSerializer } from './http/serializers.ts';
import { sse } from './http/sse.ts';
import { eventRoutes } from './jobs/events.ts';
import { listening } from './jobs/listening.ts';
import { jobRoutes } from './jobs/routes.ts';
import { listRoutes } from './lists/routes.ts';
import { absence } from './orders/absence.ts';
import { batchRoutes } from './orders/batch-routes.ts';
import { orderRoutes } from './orders/routes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    observer: Observer;
  }
}

const BODY_LIMIT_BYTES = 1024 * 1024;
/** How long a client may take to send a request; Fastify sets no limit by default. */
const REQUEST_TIMEOUT_MS = 30_000;
const TIMEOUT_CHECK_INTERVAL_MS = 5_000;
/** Node takes at most 16 KiB of URL and headers, so no id is too long for the router to answer 404. */
const MAX_PARAM_LENGTH = 16 * 1024;

/**
 * Builds the application and opens its connections. Closing the application closes them.
 * @param first a plugin that comes before all others
 * @returns the application, which does not listen yet
 * @throws ConfigError if ACCESS_LOG_FORMAT is not a valid format
 */
export const buildApp = async (
  config: Config,
  { log, observer, beginTrace }: Telling & { beginTrace?: BeginTrace | undefined },
  first?: FastifyPluginAsync,
) => {
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // Few requests log anything, and they add their id themselves: no child logger for each.
    childLoggerFactory: (logger) => logger,
    genReqId: requestId,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Node checks time limits this often; its default of 30 s would double the limit.
    http: { requireHostHeader: false, connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, querystringParser: readQuery },
    // A request that arrives on an open connection while the server closes is served like any other.
    return503OnClosing: false,
    schemaController: { compilersFactory: { buildSerializer } },
    // The only such error is a URL that cannot be decoded: no parameter can be longer than a head.
    frameworkErrors: (_error, request, reply) => {
      request.server.beginRequest(request, reply);
      if (request.method === 'OPTIONS') answerOptions(request, reply);
      else sendError(malformedUrl(request.url), request, reply);
    },
    clientErrorHandler(this: FastifyInstance, error, socket) {
      this.refuseBytes(error, socket);
    },
  });
  const counter = createCounter();
  app.decorate('observer', observers(observer, counter));
  if (first) await app.register(first);
  await app.register(errors);
  await app.register(drain);
  await app.register(readers);
  await app.register(requests, { config: config.accessLog, beginTrace });
  await app.register(refusals);
  await app.register(sse);
  await app.register(cors);
  await app.register(input);
  await app.register(backends, { config });
  await app.register(noteAccepted, { counter });
  await app.register(healthRoutes);
  await app.register(absence, { config });
  await app.register(listening, { config });
  await app.register(orderRoutes, { config });
  await app.register(jobRoutes, { config });
  await app.register(eventRoutes);
  await app.register(batchRoutes);
  await app.register(listRoutes, { config: config.lists });
  await app.register(unfinishedResets);
  await app.register(adminRoutes, { guard: requireAdmin(config.api) });
  await app.register(deadLetterRoutes, { guard: requireAdmin(config.api) });
  await app.register(consoleRoutes, { config });
  await app.register(docsRoutes);
  return app;
};
