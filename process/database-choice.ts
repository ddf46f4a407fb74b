/** Which variables say where MySQL is: the four of an account, or DATABASE_URL. */
import { ConfigError } from './config-error.ts';

type Env = NodeJS.ProcessEnv;

const FOUR = ['DB_HOST', 'DB_USER', 'DB_PASS', 'DB_NAME'] as const;
const WHAT_TO_SET =
  'set DB_HOST, DB_USER, DB_PASS and DB_NAME, or DATABASE_URL=mysql://user:password@host:3306/database';

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/** Beside the other three an empty password is one: an account may have none. */
const missingOf = (env: Env): string[] => {
  const missing = FOUR.filter((name) => !env[name] && !(name === 'DB_PASS' && env.DB_PASS_COMMAND));
  return missing.join() === 'DB_PASS' && env.DB_PASS === '' ? [] : missing;
};

/** Whether a URL has a password before its host. */
const hasPassword = (url: string): boolean => /^[^:]*:\/\/[^/?#@:]*:[^/?#]+@/.test(url);

/** What else SQLAlchemy has URLs for. */
const OTHERS = /^(sqlite|postgres|postgresql|oracle|mssql|cockroachdb)(?:\+\w+)?:/i;

/**
 * Decides whether the four count, which they do when all are set, or DATABASE_URL.
 * @returns the choice, and what is set beside it and has no meaning then, for the log
 * @throws ConfigError with one sentence that says what is missing
 */
export const databaseChoice = (env: Env): { by: 'account' | 'url'; ignored: string[] } => {
  const { DATABASE_URL: url = '' } = env;
  const missing = missingOf(env);
  if (missing.length === 0)
    return { by: 'account', ignored: url ? [`DATABASE_URL beside ${listed(FOUR)}`] : [] };
  const other = OTHERS.exec(url)?.[1];
  if (url && !other) {
    // A URL without a password goes with DB_PASS.
    const beside = (name: string) => env[name] && (name !== 'DB_PASS' || hasPassword(url));
    const set = [...FOUR, 'DB_PORT'].filter(beside);
    return { by: 'url', ignored: set.map((name) => `${name} without ${listed(missing)}`) };
  }
  if (missing.length < FOUR.length) {
    const are = missing.length === 1 ? 'is' : 'are';
    throw new ConfigError(`${listed(missing)} ${are} not set: ${listed(FOUR)} belong together.`);
  }
  throw new ConfigError(
    other
      ? `DATABASE_URL is for ${other}, but orders are kept in MySQL: ${WHAT_TO_SET}.`
      : `It is not said where MySQL is: ${WHAT_TO_SET}.`,
  );
};
