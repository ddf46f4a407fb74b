/** A process that serves requests: the application, on the port that its primary (server.ts) holds. */
import { type Config, ConfigError } from '../process/config.ts';
import type { Telling } from '../process/lifecycle.ts';
import { observers } from '../process/observer.ts';
import { openMetrics, openTraces } from '../telemetry/telemetry.ts';
import { buildApp } from './app.ts';

const REACHED_WITHIN_MS = 1_000;

/**
 * Builds the application and listens.
 * @returns once it serves: a function that ends it, each open request after its answer
 * @throws ConfigError if another program uses the port
 */
export const runWorker = async (config: Config, { log, observer }: Telling) => {
  const metrics = await openMetrics(config, 'worker');
  const traces = await openTraces(config, 'api', observer);
  const app = await buildApp(config, {
    log,
    observer: observers(observer, ...metrics.listeners, ...traces.listeners),
    beginTrace: traces.beginTrace,
  });
  metrics.read({ connections: app.database.usage, refusesWrites: app.broker.refusesAtOnce });
  const { host, port } = config.api;
  // A worker that listens earlier refuses writes and misses pending copies, also one that replaces a dead worker.
  await Promise.all([app.broker, app.cache].map((server) => server.reachedWithin(REACHED_WITHIN_MS)));
  try {
    await app.listen({ host, port });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')
      throw new ConfigError(
        `PORT ${port} on ${host} is in use by another program: stop it, or set another PORT.`,
      );
    throw error;
  }
  return async () => {
    await app.drain(config.shutdownGraceMs);
    await app.close();
    await traces.close();
  };
};
