/** A private MySQL or MariaDB. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { lastLines } from '../processes.ts';
import { makePrivate, requireProgram, runningServer, type ServerPlace, startServer } from './server.ts';

export interface PrivateMysql extends ServerPlace {
  user: string;
  password: string;
  database: string;
  /** More options for the server. */
  options?: string[];
}

const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
const identifier = (value: string): string => `\`${value.replaceAll('`', '``')}\``;

/**
 * The SQL that the server runs at every start, before it listens, so that a new password in the settings takes effect.
 */
const accounts = ({ user, password, database }: PrivateMysql): string => {
  const account = `${text(user)}@'%'`;
  return [
    `CREATE DATABASE IF NOT EXISTS ${identifier(database)} CHARACTER SET utf8mb4;`,
    `CREATE USER IF NOT EXISTS ${account};`,
    `ALTER USER ${account} IDENTIFIED BY ${text(password)};`,
    `GRANT ALL PRIVILEGES ON *.* TO ${account} WITH GRANT OPTION;`,
    '',
  ].join('\n');
};

const asRoot = (): string[] => (process.getuid?.() === 0 ? ['--user=root'] : []);

/**
 * Enough for some million orders. MySQL's default of 128 MiB is for small machines. Memory is only taken when needed.
 */
const bufferPoolBytes = Math.min(512 * 2 ** 20, Math.floor(totalmem() / 4));

/** Fills the folder `data` with the system tables. Until they are complete the folder has another name. */
const initialize = (server: string, isMariadb: boolean, data: string, env: NodeJS.ProcessEnv): void => {
  const unfinished = `${data}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  // mariadb-install-db is a shell script that breaks on a path with blanks.
  const [command, args] = isMariadb
    ? [requireProgram('mariadb-install-db', 'mysql_install_db'), ['--skip-test-db', '--datadir=.']]
    : [server, ['--initialize-insecure', `--datadir=${unfinished}`]];
  const { status, stdout, stderr, error } = spawnSync(command, ['--no-defaults', ...asRoot(), ...args], {
    cwd: unfinished,
    encoding: 'utf8',
    env,
  });
  if (status !== 0)
    throw new Error(`${command} failed:\n${lastLines(error?.message ?? `${stdout}${stderr}`)}`);
  renameSync(unfinished, data);
};

/**
 * Starts MySQL or MariaDB in its folder, or finds it running, and waits until it answers. `user` may do anything, from
 * any local address.
 * @returns its PID
 * @throws Error with the last lines of its log if it does not start
 */
export const startMysql = async (mysql: PrivateMysql): Promise<{ pid: number }> => {
  const { folder, port } = mysql;
  const server = { backend: 'mysql', folder, port } as const;
  const running = await runningServer(server);
  if (running) return running;
  makePrivate(folder);
  const command = requireProgram('mariadbd', 'mysqld');
  const isMariadb = spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout.includes('MariaDB');
  const data = join(folder, 'data');
  const initFile = join(folder, 'accounts.sql');
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true });
  // A server that starts removes what looks like temporary tables of a dead one: in /tmp those of its neighbours.
  const env = { ...process.env, TMPDIR: temporary };
  if (!existsSync(data)) initialize(command, isMariadb, data, env);
  writeFileSync(initFile, accounts(mysql), { mode: 0o600 });
  // MySQL takes a killed server's lock for a living one's when its PID is in use again.
  rmSync(join(data, 'mysql.sock.lock'), { force: true });
  const args = [
    '--no-defaults',
    ...asRoot(),
    `--datadir=${data}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    // In the data folder, where its path cannot be too long for a socket.
    '--socket=mysql.sock',
    '--loose-mysqlx=OFF',
    '--pid-file=mysqld.pid',
    '--skip-name-resolve',
    '--skip-log-bin',
    '--max-connections=500',
    `--innodb-buffer-pool-size=${bufferPoolBytes}`,
    '--character-set-server=utf8mb4',
    `--init-file=${initFile}`,
    ...(mysql.options ?? []),
  ];
  return startServer({ ...server, command, args, env });
};
