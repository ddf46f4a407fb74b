/** Reading settings. */
import { ConfigError, loadConfig } from '../../process/config.ts';

/** Enough for all other settings to have their defaults. */
export const DATABASE_URL = 'mysql://anna:pw@db.example:3307/shop';
export const load = (env: NodeJS.ProcessEnv = {}) => loadConfig({ DATABASE_URL, ...env });

/** The error that keeps a process with these variables from starting. @throws where there is none */
export const errorOf = (env: NodeJS.ProcessEnv): ConfigError => {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
};
