import { loadConfig } from '../../config.ts';
import { type Database, openDatabase } from '../../db/client.ts';
import { createLog } from '../../log.ts';
import type { Teardown } from './teardown.ts';

const CONNECTIONS = 4;

/**
 * Opens the database that `env` names, as the service does; closed when the test ends.
 * @param applies whether as a consumer does
 */
export const startDatabase = (t: Teardown, env: NodeJS.ProcessEnv, applies = false): Database => {
  const options = { connections: CONNECTIONS, applies };
  const database = openDatabase(loadConfig(env).mysql, createLog('silent', 'test'), options);
  t.teardown(() => database.close());
  return database;
};
