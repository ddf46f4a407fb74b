/** The backends in containers, as compose.yaml describes them. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../process/config.ts';
import type { Backend } from './packages.ts';

/** The file that says which containers start_services.sh has started: on each line a service of compose.yaml. */
const startedFile = (project: string) => join(project, '.data/docker');

const run = (args: string[], env: NodeJS.ProcessEnv = process.env) =>
  spawnSync('docker', args, { env, encoding: 'utf8' });

/** Whether a Docker engine answers and has `compose`; that there is a `docker` program is not enough. */
export const hasDocker = (): boolean =>
  [['info'], ['compose', 'version']].every((args) => run(args).status === 0);

const compose = (project: string, args: string[], env?: NodeJS.ProcessEnv): void => {
  // Compose reads .env by other rules than the service does: it gets its variables from us alone.
  const words = ['compose', '--project-directory', project, '--env-file', '/dev/null', ...args];
  const { status, stdout, stderr, error } = run(words, env);
  if (status !== 0)
    throw new Error(`docker ${words.join(' ')} failed:\n${error?.message ?? `${stdout}${stderr}`}`);
};

const variables = ({ mysql, redis, rabbitmq }: Config): NodeJS.ProcessEnv => ({
  ...process.env,
  DB_PORT: `${mysql.port}`,
  DB_USER: mysql.user,
  DB_PASS: mysql.password,
  DB_NAME: mysql.database,
  REDIS_PORT: `${redis.port}`,
  REDIS_PASSWORD: redis.password ?? '',
  RABBITMQ_PORT: `${rabbitmq.hosts[0].port}`,
  RABBITMQ_VHOST: rabbitmq.vhost,
  RABBITMQ_USER: rabbitmq.username,
  RABBITMQ_PASSWORD: rabbitmq.password,
});

/** The backends whose containers were started here and not stopped again. */
export const startedContainers = (project: string): Backend[] =>
  existsSync(startedFile(project))
    ? (readFileSync(startedFile(project), 'utf8').split('\n').filter(Boolean) as Backend[])
    : [];

const remember = (project: string, backends: Backend[]): void => {
  const file = startedFile(project);
  mkdirSync(dirname(file), { recursive: true });
  if (backends.length > 0) writeFileSync(file, `${backends.join('\n')}\n`);
  else rmSync(file, { force: true });
};

/**
 * Starts containers and waits until they are healthy.
 * @throws Error with Docker's own output
 */
export const startContainers = (project: string, backends: Backend[], config: Config): void => {
  remember(project, [...new Set([...startedContainers(project), ...backends])]);
  compose(project, ['up', '--detach', '--wait', ...backends], variables(config));
};

/**
 * Stops containers; their data stays in their volumes.
 * @throws Error with Docker's own output
 */
export const stopContainers = (project: string, backends: Backend[]): void => {
  compose(project, ['stop', ...backends]);
  remember(
    project,
    startedContainers(project).filter((backend) => !backends.includes(backend)),
  );
};
