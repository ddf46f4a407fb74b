/** A private RabbitMQ, with the epmd in which Erlang looks up its nodes. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../ports.ts';
import { startDetached, stopProcess } from '../processes.ts';
import {
  makePrivate,
  requireProgram,
  runningServer,
  type ServerPlace,
  startServer,
  tracked,
} from './server.ts';

export interface PrivateRabbitmq extends ServerPlace {
  user: string;
  password: string;
  /** The virtual host, `/` by default. */
  vhost?: string;
  /** More lines of its rabbitmq.conf. */
  settings?: string[];
  /** Of a node of a cluster: its name, the epmd of all nodes, and the home where they have their common secret. */
  node?: { name: string; epmdPort: number; home: string };
}

/** As in https://www.rabbitmq.com/docs/passwords: a salt of 4 bytes, then SHA-256 of salt and password. */
const passwordHash = (password: string): string => {
  const salt = randomBytes(4);
  const hash = createHash('sha256').update(salt).update(password).digest();
  return Buffer.concat([salt, hash]).toString('base64');
};

/** What the broker loads at every start, before it listens, so that a new password in the settings takes effect. */
const definitions = ({ user, password, vhost = '/' }: PrivateRabbitmq) => ({
  users: [
    {
      name: user,
      password_hash: passwordHash(password),
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: 'administrator',
    },
  ],
  vhosts: [{ name: vhost }],
  permissions: [{ user, vhost, configure: '.*', write: '.*', read: '.*' }],
});

/**
 * Says why RabbitMQ cannot work in a folder. Its scripts and its check of the free disk space pass the path to a shell;
 * if the path has characters that a shell interprets, that check never ends.
 * @returns a sentence, or undefined if RabbitMQ can work there
 */
export const whyNotIn = (folder: string): string | undefined => {
  const character = /['"$`\\\n]/.exec(folder)?.[0];
  return (
    character &&
    `RabbitMQ cannot work in ${folder}, as there is ${JSON.stringify(character)} in its path: move this checkout to another folder, start Docker, or set RABBITMQ_HOST to a server that runs elsewhere.`
  );
};

/**
 * Its distribution listens on loopback only, and its schedulers sleep as soon as they have nothing to do: by default
 * they spin for a while first, which on a machine that a broker shares with others is their CPU
 * (https://www.rabbitmq.com/docs/runtime#cpu-reduce-idle-usage).
 */
const ERLANG_ARGS = '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none';

/**
 * Starts an epmd for one broker alone, or for a cluster. The one that Erlang would start by itself outlives the broker, serves the whole
 * machine and listens on all its addresses.
 */
export const startEpmd = async (folder: string, env: NodeJS.ProcessEnv): Promise<void> => {
  const epmd = tracked(folder, 'epmd');
  await stopProcess(epmd, 5000);
  await startDetached({
    ...epmd,
    command: requireProgram('epmd'),
    argv0: join(folder, 'epmd'),
    args: [],
    logFile: join(folder, 'epmd.log'),
    cwd: folder,
    env,
  });
};

/**
 * Starts RabbitMQ in its folder, or finds it running, and waits until it answers. `user` may do anything in its
 * virtual host.
 * @returns its PID
 * @throws Error with the last lines of its log if it does not start
 */
export const startRabbitmq = async (rabbitmq: PrivateRabbitmq): Promise<{ pid: number }> => {
  const { folder, port, node } = rabbitmq;
  const home = node?.home ?? join(folder, 'home');
  const configFile = join(folder, 'rabbitmq.conf');
  const definitionsFile = 'definitions.json';
  const settings = [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    'loopback_users = none',
    // It works in its folder, whose name may have a meaning in here. The nodes of a cluster have one database.
    ...(node ? [] : [`load_definitions = ${definitionsFile}`]),
    ...(rabbitmq.settings ?? []),
  ];
  const server = { backend: 'rabbitmq', folder, port } as const;
  const running = await runningServer(server);
  if (running) return running;
  const problem = whyNotIn(folder);
  if (problem) throw new Error(problem);
  makePrivate(folder);
  makePrivate(home);
  writeFileSync(join(folder, definitionsFile), JSON.stringify(definitions(rabbitmq)), { mode: 0o600 });
  writeFileSync(configFile, settings.map((line) => `${line}\n`).join(''));
  const command = requireProgram('rabbitmq-server');
  const env = {
    ...process.env,
    HOME: home,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: `${node?.epmdPort ?? (await freePort())}`,
    RABBITMQ_NODENAME: node?.name ?? 'orders@localhost',
    RABBITMQ_DIST_PORT: `${await freePort()}`,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: ERLANG_ARGS,
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: configFile,
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    // The script then becomes the server instead of waiting for it: its PID is the server's.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
  if (!node) await startEpmd(folder, env);
  // What follows -extra means nothing to Erlang: it tells this server's process from others, from its start on.
  return startServer({ ...server, command, args: ['-extra', `${folder}/`], env });
};
