/** Private servers for a run, with places in them that do not disturb each other. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureInstalled } from '../ops/packages.ts';
import { serverEnvironment, startServers } from '../ops/private-servers.ts';
import { guardedFolder } from '../testbed/guarded-folder.ts';
import { startGenerator } from './load/generator.ts';
import { builtFile, ownBuild } from './programs.ts';

const REDIS_DATABASES = 64;
const MIGRATE_WITHIN_MS = 30_000;

/** An older build has it elsewhere. */
const migration = (build?: string): string => {
  const file = builtFile('ops/migrate', build);
  return existsSync(file) ? file : builtFile('db/migrate', build);
};

/**
 * Starts the servers and the load generator.
 * @param onFolder is called before anything starts, with a function that ends everything and removes all traces
 */
export const openSystem = async (onFolder: (end: () => Promise<void>) => void) => {
  ensureInstalled(['mysql', 'redis', 'rabbitmq'], console.log);
  const { folder, end } = guardedFolder('orders-bench-');
  onFolder(end);
  const { ports, pids } = await startServers(folder, REDIS_DATABASES);
  let places = 0;
  return {
    folder,
    /** The PIDs of the three servers. */
    pids,
    generator: startGenerator(folder),

    /**
     * Makes a place: a database, a queue and a Redis database that nobody else uses.
     * @param name a part of their names
     * @param overrides settings that win over all others. If they have a DB_NAME, that database is used as it is
     * @param build the `dist` folder whose programs are to work there, and so whose schema is used
     * @returns the settings that lead to the place
     */
    place: async (
      name: string,
      overrides: NodeJS.ProcessEnv = {},
      build = ownBuild,
    ): Promise<NodeJS.ProcessEnv> => {
      const number = ++places;
      const env: NodeJS.ProcessEnv = {
        ...serverEnvironment(ports),
        DB_NAME: `orders_${number}_${name}`,
        REDIS_URL: `redis://127.0.0.1:${ports.redis}/${number}`,
        RABBITMQ_QUEUE_NAME: `order_write_jobs_${number}_${name}`,
        ACCESS_LOG_FILE: join(folder, `${number} ${name} access.log`),
        // What is cached or pending stays so for the length of a case.
        ORDERS_CACHE_TTL: '3600',
        TEMP_ORDER_CACHE_TTL: '3600',
        // Jobs pile up in the cases that measure accepting them.
        MAX_BACKLOG: '0',
        SIMULATED_WRITE_LAG: '0',
        LOG_LEVEL: 'info',
        // Said here, so that an older build has as many batches in flight.
        CONSUMER_CONCURRENCY: '4',
        ...overrides,
      };
      if (!overrides.DB_NAME)
        await promisify(execFile)(process.execPath, [migration(build)], {
          env,
          cwd: folder,
          timeout: MIGRATE_WITHIN_MS,
        });
      return env;
    },
  };
};
export type System = Awaited<ReturnType<typeof openSystem>>;
