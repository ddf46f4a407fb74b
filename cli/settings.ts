/** Where the API is, and the admin password: all that most commands need to know. */
import { ConfigError, environment, urlOf } from '../process/config.ts';
import { readClientEnvironment } from '../process/environment.ts';
import { withSecretFiles } from '../process/secret-files.ts';

const names = ['ORDERS_URL', 'HOST', 'PORT', 'ADMIN_PASSWORD', 'ADMIN_PASSWORD_FILE'];

export interface Settings {
  url: URL;
  password: string | undefined;
}

/**
 * Reads the environment, and `.env` in the working folder. Other variables are not looked at, so that the command works
 * where nothing else of the service is set up.
 * @param url wins over ORDERS_URL, which wins over HOST and PORT
 * @throws ConfigError with one sentence that names the variable
 */
export const readSettings = (url?: string): Settings => {
  const all = environment();
  const own: NodeJS.ProcessEnv = Object.fromEntries(names.map((name) => [name, all[name]]));
  if (url !== undefined) own.ORDERS_URL = url;
  const e = readClientEnvironment(withSecretFiles(own));
  const text = e.ORDERS_URL ?? urlOf({ host: e.HOST, port: e.PORT });
  if (!URL.canParse(text))
    throw new ConfigError(
      'ORDERS_URL must be a URL such as http://127.0.0.1:8080, got a value that is not shown.',
    );
  return { url: new URL(text), password: e.ADMIN_PASSWORD };
};
