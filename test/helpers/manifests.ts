/** What the files for orchestrators say of the service, whichever they are for. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { readDockerfile } from './image.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** How long a process takes to end at most, in seconds, beside SHUTDOWN_GRACE (process/lifecycle.ts). */
export const FAREWELL_SECONDS = 28;

export type Strings = Record<string, string>;

/** Checks that a command runs a program that is in the image. */
export const checkCommand = (t: Test, command: string[]): void => {
  const [node, file = ''] = command;
  const [, source] = /^dist\/(.*)\.js$/.exec(file) ?? [];
  t.equal(node, 'node');
  t.ok(source && existsSync(join(root, `${source}.ts`)), `${file} is a program`);
};

/**
 * Checks that a process starts with these variables, and that each of them means something to it.
 * @param secrets what the files hold that some of the variables name, by their names
 * @returns the settings
 */
export const checkSettings = (t: Test, variables: Strings, secrets: Strings = {}) => {
  const folder = join(t.testdir(), 'secrets');
  mkdirSync(folder);
  const env: Strings = { ...readDockerfile().env, ...variables };
  for (const [name, path] of Object.entries(variables)) {
    if (!/_(PASS|PASSWORD)_FILE$/.test(name)) continue;
    const secret = secrets[basename(path)];
    t.ok(secret, `${name}: there is a secret ${basename(path)}`);
    env[name] = join(folder, basename(path));
    writeFileSync(env[name], secret ?? '');
  }
  const config = loadConfig(env);
  t.strictSame(config.ignored, [], 'no variable is without a meaning');
  // One that is misspelt leaves all settings as they are without it.
  for (const name of Object.keys(variables)) {
    const { [name]: _, ...others } = env;
    let changes = true;
    try {
      changes =
        JSON.stringify(loadConfig({ ...others, [name]: different(env[name]) })) !== JSON.stringify(config);
    } catch {
      // It is refused, so it is known.
    }
    t.ok(changes, `${name} is a setting`);
  }
  return config;
};

/** Another value that may stand in its place. */
const different = (value = ''): string => {
  if (/^\d+$/.test(value)) return String(Number(value) + 1);
  return value === 'true' ? 'false' : `${value}x`;
};
