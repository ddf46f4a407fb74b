/** What `npm start` and `npm run worker` begin with: the tables as they must be, where MySQL is there. */
import { AdoptionError } from '../db/adoption.ts';
import { isPassing, reasonOf } from '../db/errors.ts';
import { migrateDatabase } from '../db/migrate.ts';
import { ConfigError, environment, loadConfig } from '../process/config.ts';

/** The API accepts writes without MySQL, so its start does not wait for it as `npm run migrate` does. */
const WAIT_MS = 5_000;

try {
  const { mysql } = loadConfig(environment());
  await migrateDatabase(mysql, { waitMs: WAIT_MS, say: console.log });
} catch (error) {
  if (error instanceof ConfigError || error instanceof AdoptionError) console.error(error.message);
  else if (isPassing(error))
    console.error(`MySQL does not answer (${reasonOf(error)}), so its tables are not looked at.`);
  else console.error(`The migration failed: ${reasonOf(error)}`);
  process.exitCode = isPassing(error) ? 0 : 1;
}
