/**
 * `npm run migrate`: makes the tables what this service needs. `--check` says what it would do and changes nothing.
 * `--if-there`, with which `npm start` and `npm run worker` begin, is content if MySQL does not answer: the API accepts
 * writes without it.
 */
import { AdoptionError } from '../db/adoption.ts';
import { isPassing, isRightMissing, reasonOf } from '../db/errors.ts';
import { migrateDatabase } from '../db/migrate.ts';
import { ConfigError, environment, loadConfig } from '../process/config.ts';
import { NoPassword } from '../process/password-command.ts';

const WAIT_MS = 60_000;
const SHORT_WAIT_MS = 5_000;

const options = new Set(process.argv.slice(2));
const isCheck = options.delete('--check');
const isIfThere = options.delete('--if-there');
let told = 0;
const say = (line: string) => {
  told++;
  console.log(line);
};

try {
  if (options.size > 0)
    throw new ConfigError(
      `npm run migrate takes only --check and --if-there, got: ${[...options].join(' ')}.`,
    );
  const { mysql } = loadConfig(environment());
  await mysql.renewal?.ready();
  await migrateDatabase(mysql, { waitMs: isIfThere ? SHORT_WAIT_MS : WAIT_MS, isCheck, say });
  if (isCheck && told > 0) console.log('This is what a migration would do. Nothing was changed.');
  else if (told > 0 || !isIfThere)
    console.log(`The schema of ${mysql.database} at ${mysql.host}:${mysql.port} is up to date.`);
} catch (error) {
  const isAway = isIfThere && (isPassing(error) || error instanceof NoPassword);
  if (error instanceof ConfigError || error instanceof AdoptionError) console.error(error.message);
  else if (isAway)
    console.error(`MySQL does not answer (${reasonOf(error)}), so its tables are not looked at.`);
  else if (isRightMissing(error))
    console.error(
      `The migration failed: ${reasonOf(error)}. Run npm run migrate with an account that may do this, see docs/ACCOUNTS.md.`,
    );
  else console.error(`The migration failed: ${reasonOf(error)}`);
  process.exitCode = isAway ? 0 : 1;
}
