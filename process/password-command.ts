/** Passwords that a command prints: tokens that hold for minutes, or what a store of secrets has. */
import { spawn } from 'node:child_process';
import { ConfigError } from './config-error.ts';
import { MAX_SECRET_BYTES, secretLine, secretText, UnfitSecret } from './secret-files.ts';

/** How long a command may take. */
const DEADLINE_MS = 10_000;

/** The command gives no password. The message is a sentence that names the setting, and has nothing of the output. */
export class NoPassword extends ConfigError {}

/** What a command has printed. */
export interface PrintedPassword {
  /** The name of the account, if it is printed too. */
  user: string | undefined;
  password: string;
  /** For how many milliseconds the password may be used. */
  lifetimeMs: number;
}

const WORD = /(?:'[^']*'|"[^"]*"|[^\s'"])+/g;

/**
 * The program and its arguments. They are separated by blanks, and in quotes of either kind blanks are part of a word. No
 * shell is asked, as images without one are in use.
 * @throws ConfigError with one sentence that names the setting
 */
export const wordsOf = (setting: string, command: string): [program: string, ...args: string[]] => {
  const words = command.match(WORD) ?? [];
  const [program, ...args] = words.map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  if (/['"]/.test(command.replaceAll(/'[^']*'|"[^"]*"/g, '')))
    throw new ConfigError(`${setting} has a quote that does not end; its value is not shown.`);
  if (!program) throw new ConfigError(`${setting} must be a command that prints a password.`);
  return [program, ...args];
};

const problems: Record<string, string> = {
  ENOENT: 'there is no such program',
  EACCES: 'this user may not run that program',
};

/**
 * Runs a command. What it writes to its standard error is not kept, as nobody knows what that is.
 * @returns its standard output
 * @throws Error with the end of a sentence
 */
const outputOf = (
  [program, ...args]: string[],
  env: NodeJS.ProcessEnv,
  deadlineMs: number,
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    // In a group of its own, so that what it has started ends with it.
    const child = spawn(program ?? '', args, { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (problem: string) => {
      clearTimeout(timer);
      child.stdout.destroy();
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
      reject(new Error(problem));
    };
    const timer = setTimeout(() => fail(`it did not end within ${deadlineMs / 1000} s`), deadlineMs);
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_SECRET_BYTES) fail(`its output has more than ${MAX_SECRET_BYTES} bytes`);
    });
    child.on('error', (error) => {
      const code = 'code' in error ? String(error.code) : error.name;
      fail(problems[code] ?? `it could not be started (${code})`);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(Buffer.concat(chunks));
      else reject(new Error(signal ? `it was ended by ${signal}` : `it ended with exit code ${code}`));
    });
  });

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** The time for which JSON says that its password holds, in milliseconds; undefined if it does not say. */
const lifetimeIn = (json: object): number | undefined => {
  const [seconds, time] = [memberOf(json, 'expires_in'), memberOf(json, 'expires_at')];
  if (seconds === undefined && time === undefined) return undefined;
  const ms =
    seconds === undefined
      ? Date.parse(typeof time === 'string' ? time : '') - Date.now()
      : (typeof seconds === 'number' ? seconds : Number.NaN) * 1000;
  if (ms > 0) return ms;
  throw new UnfitSecret('has an expires_in or expires_at that is no time to come');
};

/**
 * Reads what a command has printed: the password alone in one line, or JSON with `password` and perhaps `username`,
 * `expires_in` (seconds) or `expires_at` (a time of RFC 3339).
 * @throws UnfitSecret if it is neither
 */
export const readPrinted = (output: Buffer, lifetimeMs: number): PrintedPassword => {
  const text = secretText(output);
  const json = text.trimStart().startsWith('{') ? parsed(text) : undefined;
  if (typeof json !== 'object' || json === null)
    return { user: undefined, password: secretLine(text), lifetimeMs };
  const [password, user] = [memberOf(json, 'password'), memberOf(json, 'username')];
  if (typeof password !== 'string' || password === '')
    throw new UnfitSecret('is JSON without a text `password`');
  if (user !== undefined && (typeof user !== 'string' || user === ''))
    throw new UnfitSecret('is JSON whose `username` is no text');
  return { user, password: secretLine(password), lifetimeMs: lifetimeIn(json) ?? lifetimeMs };
};

/**
 * Asks a command for a password.
 * @param words of `wordsOf`
 * @param options `lifetimeMs` is for how long a password is used whose output does not say
 * @throws NoPassword
 */
export const askCommand = async (
  setting: string,
  words: string[],
  {
    env,
    lifetimeMs,
    deadlineMs = DEADLINE_MS,
  }: { env: NodeJS.ProcessEnv; lifetimeMs: number; deadlineMs?: number },
): Promise<PrintedPassword> => {
  try {
    return readPrinted(await outputOf(words, env, deadlineMs), lifetimeMs);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const what = error instanceof UnfitSecret ? `its output ${problem}` : problem;
    throw new NoPassword(`${setting} gives no password: ${what}.`);
  }
};
