/**
 * Secrets in files, as Docker, Kubernetes and systemd hand them over: if `NAME_FILE` is set, the content of the file that
 * it names is the value of NAME.
 */
import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

type Env = NodeJS.ProcessEnv;

/** What may be in a file: the secrets, and the names of the accounts, which are often stored with them. */
const inFiles = [
  'DATABASE_URL',
  'DB_USER',
  'DB_PASS',
  'REDIS_URL',
  'REDIS_USERNAME',
  'REDIS_PASSWORD',
  'RABBITMQ_URL',
  'RABBITMQ_USER',
  'RABBITMQ_PASSWORD',
  'ADMIN_PASSWORD',
  'CONSOLE_READ_PASSWORD',
] as const;
export type InFile = (typeof inFiles)[number];

/** What a command may give (password-command.ts). */
const byCommand = ['DB_PASS', 'REDIS_PASSWORD', 'RABBITMQ_PASSWORD'];

/** All ways to set a variable. */
const waysOf = (name: string): string[] => [
  name,
  `${name}_FILE`,
  ...(byCommand.includes(name) ? [`${name}_COMMAND`] : []),
];

/** Whether a variable names such a file. */
export const isFileVariable = (name: string): boolean => inFiles.some((one) => name === `${one}_FILE`);

/** Whether one of these variables is given by a file. */
export const isInFile = (env: Env, names: readonly InFile[]): boolean =>
  names.some((name) => env[`${name}_FILE`]);

/** How many bytes a secret may have. The tokens of the large clouds have some two thousand. */
export const MAX_SECRET_BYTES = 65_536;

/** Says what is wrong with a secret, in words that follow "it". Never has the secret in it. */
export class UnfitSecret extends Error {}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Reads bytes as text. @throws UnfitSecret if they are none, too many or no text */
export const secretText = (bytes: Buffer): string => {
  if (bytes.length > MAX_SECRET_BYTES) throw new UnfitSecret(`has more than ${MAX_SECRET_BYTES} bytes`);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new UnfitSecret('is no text in UTF-8');
  }
  if (text.trim() === '') throw new UnfitSecret('is empty');
  return text;
};

/** Takes the newline from the end of a secret. @throws UnfitSecret if there is more than one line */
export const secretLine = (text: string): string => {
  const line = text.replace(/\r?\n$/, '');
  if (/[\r\n]/.test(line)) throw new UnfitSecret('has several lines');
  // In the log-ins of MySQL and RabbitMQ it ends the password.
  if (line.includes('\0')) throw new UnfitSecret('has a zero byte');
  return line;
};

const problems: Record<string, string> = {
  ENOENT: 'is not there',
  ENOTDIR: 'is not there',
  EACCES: 'may not be read by this user',
};

/** @throws UnfitSecret, or the error of the file system */
const readSecret = (file: string): string => {
  const found = statSync(file);
  // A pipe could be read only once, and would keep the process waiting.
  if (!found.isFile()) throw new UnfitSecret('is not a file');
  if (found.size > MAX_SECRET_BYTES) throw new UnfitSecret(`has more than ${MAX_SECRET_BYTES} bytes`);
  return secretLine(secretText(readFileSync(file)));
};

/**
 * Fills in the variables whose values are in files.
 * @throws ConfigError with one sentence that names the variable. The path is not shown, as it may be the secret itself,
 *   set by mistake
 */
export const withSecretFiles = (env: Env): Env => {
  const filled = { ...env };
  for (const name of inFiles) {
    const set = waysOf(name).filter((way) => env[way]);
    if (set.length > 1)
      throw new ConfigError(`${set.slice(0, 2).join(' and ')} are both set: keep one of them.`);
    const file = env[`${name}_FILE`];
    if (!file) continue;
    try {
      filled[name] = readSecret(file);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      const problem = error instanceof UnfitSecret ? error.message : problems[code];
      throw new ConfigError(
        `${name}_FILE must be the path of a file with ${name} as its only line, but that ${problem ?? `cannot be read (${code})`}.`,
      );
    }
  }
  return filled;
};

/**
 * Puts the variables of the environment over those of `.env`. A secret that the environment sets in one way is not looked
 * for in `.env` in another way.
 */
export const overlaid = (dotenv: Env, env: Env): Env => {
  const lower = { ...dotenv };
  for (const name of inFiles)
    if (waysOf(name).some((way) => env[way])) for (const way of waysOf(name)) delete lower[way];
  return { ...lower, ...env };
};
