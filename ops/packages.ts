/** Finds and installs the server programs that private backends need. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export type Backend = 'mysql' | 'redis' | 'rabbitmq';

/** Where RabbitMQ itself is. It comes before PATH, where Debian has a wrapper that insists on a user of its own. */
const rabbitmqFolders = [
  '/usr/lib/rabbitmq/bin',
  '/opt/homebrew/opt/rabbitmq/sbin',
  '/usr/local/opt/rabbitmq/sbin',
];
/** Where packages put servers; an ordinary user's PATH often does not have these folders. */
const serverFolders = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/opt/homebrew/bin',
  '/opt/homebrew/sbin',
];

const programs: Record<Backend, string[]> = {
  mysql: ['mariadbd', 'mysqld'],
  redis: ['redis-server', 'valkey-server'],
  rabbitmq: ['rabbitmq-server'],
};

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
};

/**
 * The path of the first of `names` that can be run, or undefined. PATH is searched, then the folders in which
 * packages put servers.
 */
export const findProgram = (...names: string[]): string | undefined => {
  const folders = [...rabbitmqFolders, ...(process.env.PATH ?? '').split(delimiter), ...serverFolders];
  return names
    .flatMap((name) => folders.filter(Boolean).map((folder) => join(folder, name)))
    .find(isExecutable);
};

/** The path of the server program of a backend, or undefined if it is not installed. */
export const serverProgram = (backend: Backend): string | undefined => findProgram(...programs[backend]);

/** The words that say which system this is: `ID` and `ID_LIKE` of os-release(5), or `darwin`. */
export const systemIds = (): string[] => {
  if (process.platform !== 'linux') return [process.platform];
  const file = ['/etc/os-release', '/usr/lib/os-release'].find(existsSync);
  const text = file ? readFileSync(file, 'utf8') : '';
  return [...text.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)/gm)].flatMap(([, ids = '']) => ids.split(' '));
};

const debianPackages: Record<Backend, string> = {
  mysql: 'mariadb-server',
  redis: 'redis-server',
  rabbitmq: 'rabbitmq-server',
};

/** The package managers: for which systems each is, its command, and its names for the backends. */
const managers: { ids: string[]; install: string; packages: Record<Backend, string> }[] = [
  { ids: ['debian', 'ubuntu'], install: 'sudo apt-get install', packages: debianPackages },
  {
    ids: ['darwin'],
    install: 'brew install',
    packages: { mysql: 'mariadb', redis: 'redis', rabbitmq: 'rabbitmq' },
  },
  {
    ids: ['fedora', 'rhel'],
    install: 'sudo dnf install',
    packages: { mysql: 'mariadb-server', redis: 'valkey', rabbitmq: 'rabbitmq-server' },
  },
  {
    ids: ['arch'],
    install: 'sudo pacman -S',
    packages: { mysql: 'mariadb', redis: 'valkey', rabbitmq: 'rabbitmq' },
  },
];

const names: Record<Backend, string> = { mysql: 'MySQL or MariaDB', redis: 'Redis', rabbitmq: 'RabbitMQ' };

/** Says what is missing and what to type, in one sentence. @param ids which system it is, as of `systemIds` */
export const installHint = (missing: Backend[], ids: string[]): string => {
  const what = `Not installed: ${missing.map((backend) => names[backend]).join(', ')}.`;
  const manager = managers.find((candidate) => candidate.ids.some((id) => ids.includes(id)));
  const how = manager
    ? `Run: ${manager.install} ${missing.map((backend) => manager.packages[backend]).join(' ')}`
    : 'Install them with the package manager of this system';
  return `${what} ${how} - or start Docker, or point .env at servers that run elsewhere. Then try again.`;
};

const apt = (...args: string[]): void => {
  const { status, stdout, stderr, error } = spawnSync('apt-get', args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) throw new Error(`apt-get ${args[0]} failed:\n${error?.message ?? stdout + stderr}`);
};

/**
 * Runs `install` while Debian starts no servers that it installs: a script that refuses prevents that (invoke-rc.d(8)).
 * If there is such a script already, somebody wanted it, and it stays as it is.
 */
const withoutStartingServers = (install: () => void): void => {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  // With a handler, Ctrl-C ends apt-get but lets this process remove the policy.
  const onInterrupt = () => {};
  process.on('SIGINT', onInterrupt);
  try {
    if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    install();
  } finally {
    if (ours) rmSync(policy, { force: true });
    process.off('SIGINT', onInterrupt);
  }
};

/** Whether packages can be installed here: on a system of these ids (see `systemIds`), as root. */
export const canInstall = (ids: string[]): boolean =>
  process.getuid?.() === 0 && ids.some((id) => ['debian', 'ubuntu'].includes(id));

/**
 * Installs packages through apt-get, without what they only recommend, and starts none of their servers.
 * @param say told in one line what is about to be installed
 * @throws Error with apt-get's own output
 */
export const installPackages = (packages: string[], say: (line: string) => void): void => {
  say(`Installing ${packages.join(', ')} with apt-get.`);
  withoutStartingServers(() => {
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...packages);
  });
};

/**
 * Makes sure that the server programs of `backends` are installed. As root on Debian and systems like it, it installs
 * those that are missing with apt-get.
 * @param say is called with one line that says what is about to be installed
 * @throws Error that says what is missing and how to install it
 */
export const ensureInstalled = (backends: Backend[], say: (line: string) => void): void => {
  const missing = () => backends.filter((backend) => !serverProgram(backend));
  const wanted = missing();
  if (wanted.length === 0) return;
  const ids = systemIds();
  if (!canInstall(ids)) throw new Error(installHint(wanted, ids));
  installPackages(
    wanted.map((backend) => debianPackages[backend]),
    say,
  );
  const still = missing();
  if (still.length > 0) throw new Error(installHint(still, ids));
};
