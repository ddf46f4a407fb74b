/** Checks that MySQL, Redis and RabbitMQ answer, and starts those on this machine that do not. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../process/config.ts';
import type { Renewal } from '../process/renewal.ts';
import { hasDocker, startContainers, startedContainers, stopContainers } from './docker.ts';
import { type Backend, ensureInstalled } from './packages.ts';
import { whoAnswers } from './ports.ts';
import { startMysql, startRabbitmq, startRedis, stopServer, whyNotIn } from './private-servers.ts';
import { waitFor } from './processes.ts';
import { requireAcceptedTls } from './tls.ts';

/** How many milliseconds a server gets to answer: it may be starting, or far away. */
const patienceMs = 5000;

interface Node {
  host: string;
  port: number;
}

interface Address {
  backend: Backend;
  name: string;
  host: string;
  port: number;
  tls: boolean;
  renewal: Renewal | undefined;
  /** The name of the setting that says where it is. */
  setting: string;
  /** Further nodes of its cluster. Whoever names several has them run elsewhere: none is started here. */
  others?: Node[];
}

const addressesOf = ({ mysql, redis, rabbitmq, cache }: Config): Address[] => [
  {
    backend: 'mysql',
    name: 'MySQL',
    host: mysql.host,
    port: mysql.port,
    tls: mysql.tls !== undefined,
    renewal: mysql.renewal,
    setting: 'DB_HOST',
  },
  ...(cache.disabled
    ? []
    : [
        {
          backend: 'redis',
          name: 'Redis',
          host: redis.host,
          port: redis.port,
          tls: redis.tls !== undefined,
          renewal: redis.renewal,
          setting: 'REDIS_URL',
        } as const,
      ]),
  {
    backend: 'rabbitmq',
    name: 'RabbitMQ',
    host: rabbitmq.hosts[0].hostname,
    port: rabbitmq.hosts[0].port,
    tls: rabbitmq.tls !== undefined,
    renewal: rabbitmq.renewal,
    setting: 'RABBITMQ_HOST',
    others: rabbitmq.hosts.slice(1).map(({ hostname, port }) => ({ host: hostname, port })),
  },
];

/** Whether a host is this machine by name or by a loopback address (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3). */
export const isThisMachine = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);

/** Whether one of the nodes of a cluster is there. @throws Error with one sentence if none answers */
const isOneThere = async ({ backend, name, tls, setting }: Address, nodes: Node[]): Promise<boolean> => {
  const all = nodes.map(({ host, port }) => `${host}:${port}`).join(', ');
  const answered = async ({ host, port }: Node): Promise<boolean> => {
    const asked = async () =>
      (await whoAnswers(host, port, tls ? undefined : backend)) === 'right' ? true : undefined;
    if (await waitFor(asked, patienceMs)) return true;
    throw new Error(`${name} does not answer at any of ${all}: check ${setting}, and that it runs there.`);
  };
  return Promise.any(nodes.map(answered)).catch(({ errors: [first] }: AggregateError) => {
    throw first;
  });
};

/**
 * Asks a backend whether it is there.
 * @returns false if it is to be on this machine and nothing listens on its port
 * @throws Error with one sentence if it does not answer elsewhere, something else answers, or TLS is refused
 */
const isThere = async (address: Address, config: Config): Promise<boolean> => {
  const { backend, name, host, port, tls, renewal, setting, others = [] } = address;
  if (others.length > 0) {
    if (tls) await requireAcceptedTls(backend, config);
    return isOneThere(address, [{ host, port }, ...others]);
  }
  const isLocal = isThisMachine(host);
  /** Whether it is found out which protocol the server speaks. */
  const isRecognised = isLocal && !tls;
  const answer = await waitFor(async () => {
    const found = await whoAnswers(host, port, isRecognised ? backend : undefined);
    if (found === 'right') return found;
    return isLocal && found === 'none' ? found : undefined;
  }, patienceMs);
  const at = `${host}:${port}`;
  if (answer === (isRecognised ? undefined : 'right')) await requireAcceptedTls(backend, config);
  if (answer === 'right') return true;
  if (!isLocal)
    throw new Error(
      `${name} does not answer at ${at}: check ${setting} and its port, and that it runs there.`,
    );
  if (answer !== 'none')
    throw new Error(`What answers at ${at} is not ${name}: stop it, or give ${name} another port.`);
  if (tls) throw new Error(`${name} does not answer at ${at}, and one started here would not speak TLS.`);
  if (renewal && renewal.now().password === undefined)
    throw new Error(
      `${name} does not answer at ${at}, and one started here has a password that stays: set it instead of a command.`,
    );
  if (host !== 'localhost' && host !== '127.0.0.1')
    throw new Error(
      `${name} does not answer at ${at}: set ${setting} to 127.0.0.1 to have one started here.`,
    );
  return false;
};

const privateFolder = (project: string, backend: Backend): string => join(project, '.data', backend);

const startPrivate = (project: string, backend: Backend, config: Config): Promise<{ pid: number }> => {
  const { mysql, redis, rabbitmq } = config;
  const folder = privateFolder(project, backend);
  if (backend === 'mysql') return startMysql({ ...mysql, folder });
  if (backend === 'rabbitmq')
    return startRabbitmq({ ...rabbitmq, user: rabbitmq.username, port: rabbitmq.hosts[0].port, folder });
  if (redis.username && redis.username !== 'default')
    throw new Error(`A Redis started here has no user ${redis.username}: leave the user out of REDIS_URL.`);
  return startRedis({ ...redis, folder, databases: Math.max(16, redis.db + 1) });
};

/**
 * Makes sure that every backend answers. Those that do are used as they are. Those on this machine that do not are
 * started with Docker or, if there is none, as private servers with their data in `.data`.
 * @param say is called with one line for each thing that is found or done
 * @param onStart is called before the first one is started, with a function that stops all that are started
 * @throws Error with one sentence, or the end of a server's log
 */
export const ensureBackends = async (
  project: string,
  config: Config,
  say: (line: string) => void,
  onStart: (undo: () => Promise<void>) => void,
): Promise<void> => {
  const addresses = addressesOf(config);
  const there = await Promise.all(addresses.map((address) => isThere(address, config)));
  for (const [i, { name, host, port, others = [] }] of addresses.entries())
    if (there[i])
      say(
        `${name} answers at ${[{ host, port }, ...others].map((node) => `${node.host}:${node.port}`).join(', ')}.`,
      );
  const missing = addresses.filter((_, i) => !there[i]);
  if (missing.length === 0) return;
  const backends = missing.map(({ backend }) => backend);
  const list = missing.map(({ name, port }) => `${name} on port ${port}`).join(', ');
  if (hasDocker()) {
    say(`Starting with Docker: ${list}.`);
    onStart(async () => stopContainers(project, backends));
    startContainers(project, backends, config);
    return;
  }
  const problem = backends.includes('rabbitmq') && whyNotIn(privateFolder(project, 'rabbitmq'));
  if (problem) throw new Error(problem);
  ensureInstalled(backends, say);
  mkdirSync(join(project, '.data'), { recursive: true });
  say(`Starting: ${list}, with their data in .data.`);
  onStart(async () => {
    await Promise.all(backends.map((backend) => stopServer(privateFolder(project, backend))));
  });
  // Wait until every start has succeeded or failed, before those that succeeded are stopped again.
  const outcomes = await Promise.allSettled(
    backends.map(async (backend) => startPrivate(project, backend, config)),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
};

/**
 * Stops the backends that were started here; their data stays.
 * @param say is called with one line for each that was stopped
 * @throws Error with Docker's own output
 */
export const stopBackends = async (project: string, say: (line: string) => void): Promise<void> => {
  const names = { mysql: 'MySQL', redis: 'Redis', rabbitmq: 'RabbitMQ' };
  await Promise.all(
    (['mysql', 'redis', 'rabbitmq'] as const).map(async (backend) => {
      const stopped = await stopServer(privateFolder(project, backend));
      if (stopped === 'stopped') say(`Stopped ${names[backend]}.`);
      if (stopped === 'killed') say(`${names[backend]} did not end by itself and was killed.`);
    }),
  );
  const containers = startedContainers(project);
  if (containers.length === 0) return;
  stopContainers(project, containers);
  say(`Stopped the containers of ${containers.map((backend) => names[backend]).join(', ')}.`);
};
