/** What renews each password, if it may change while a process runs. */
import type { Environment } from './environment.ts';
import { jittered } from './jitter.ts';
import { askCommand, wordsOf } from './password-command.ts';
import { COMMAND_PAUSE_MS, createRenewal, FILE_PAUSE_MS, type Login, type Renewal } from './renewal.ts';
import { type InFile, isInFile } from './secret-files.ts';

/** A password is renewed when about this part of its time is over. */
const RENEWED_AFTER = 0.75;

/** The variable that holds the password, and the others from which a login may come. */
const sources = {
  mysql: { setting: 'DB_PASS', names: ['DB_PASS', 'DB_USER', 'DATABASE_URL'] },
  redis: { setting: 'REDIS_PASSWORD', names: ['REDIS_PASSWORD', 'REDIS_USERNAME', 'REDIS_URL'] },
  rabbitmq: { setting: 'RABBITMQ_PASSWORD', names: ['RABBITMQ_PASSWORD', 'RABBITMQ_USER', 'RABBITMQ_URL'] },
  admin: { setting: 'ADMIN_PASSWORD', names: ['ADMIN_PASSWORD'] },
  reader: { setting: 'CONSOLE_READ_PASSWORD', names: ['CONSOLE_READ_PASSWORD'] },
} satisfies Record<string, { setting: string; names: InFile[] }>;

/** The logins that the settings have. */
export type Logins = Record<keyof typeof sources, Login>;
/** To be spread into the settings of a server: nothing if its password comes from the environment alone. */
type Renewed = { renewal?: Renewal };

/**
 * Makes what renews the logins.
 * @param given the environment as it was given
 * @param variables what was read from it
 * @param read reads the logins again, with what is in files at present; throws ConfigError
 * @throws ConfigError with one sentence if a command cannot be read
 */
export const renewalsOf = (
  given: NodeJS.ProcessEnv,
  variables: Environment,
  read: () => Logins,
): Record<keyof Logins, Renewed> => {
  const lifetimeMs = variables.PASSWORD_COMMAND_LIFETIME * 1000;

  const byCommand = (server: keyof Logins, setting: string, command: string): Renewed => {
    const words = wordsOf(setting, command);
    const ask = async () => {
      const printed = await askCommand(setting, words, { env: given, lifetimeMs });
      return {
        user: printed.user ?? read()[server].user,
        password: printed.password,
        renewAfterMs: jittered(RENEWED_AFTER * printed.lifetimeMs),
      };
    };
    const first = { user: read()[server].user, password: undefined };
    return { renewal: createRenewal(setting, first, ask, COMMAND_PAUSE_MS) };
  };

  const renewed = (server: keyof Logins, command?: string): Renewed => {
    const { setting, names } = sources[server];
    if (command !== undefined) return byCommand(server, `${setting}_COMMAND`, command);
    if (!isInFile(given, names)) return {};
    const again = async () => read()[server];
    return { renewal: createRenewal(setting, read()[server], again, FILE_PAUSE_MS) };
  };

  return {
    mysql: renewed('mysql', variables.DB_PASS_COMMAND),
    redis: renewed('redis', variables.REDIS_PASSWORD_COMMAND),
    rabbitmq: renewed('rabbitmq', variables.RABBITMQ_PASSWORD_COMMAND),
    admin: renewed('admin'),
    reader: renewed('reader'),
  };
};

interface Renewable {
  renewal?: Renewal;
}

/**
 * Has the passwords asked for that commands print, and what happens to passwords from then on told to the observer. It
 * does not wait for a command that fails: until there is a password the server refuses, as if it were away.
 */
export const beginRenewals = async (
  servers: Renewable[],
  observer: Parameters<Renewal['tellTo']>[0],
): Promise<void> => {
  const renewals = servers.flatMap(({ renewal }) => renewal ?? []);
  for (const renewal of renewals) renewal.tellTo(observer);
  await Promise.all(renewals.map((renewal) => renewal.ready().catch(() => {})));
};
