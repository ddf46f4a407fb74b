import { loadConfig } from '../../config.ts';
import { type Database, openDatabase } from '../../db/client.ts';
import { createLog } from '../../log.ts';
import type { Teardown } from './teardown.ts';

const CONNECTIONS = 4;

/** Opens the database that `env` names, as the service does; closed when the test ends. */
export const startDatabase = (t: Teardown, env: NodeJS.ProcessEnv): Database => {
  const database = openDatabase(loadConfig(env).mysql, createLog('silent', 'test'), CONNECTIONS);
  t.teardown(() => database.close());
  return database;
};
