/** A world for one scenario: servers that may be killed, and API and consumer processes that are started again. */
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../ops/ports.ts';
import { account, serverEnvironment, startMysql, startRedis } from '../../../ops/private-servers.ts';
import { guardedFolder } from '../../../testbed/guarded-folder.ts';
import { mysqlOverTls, overTls, redisOverTls } from '../../../testbed/tls-servers.ts';
import { until } from '../../../testbed/until.ts';
import { startRedisCluster } from '../../helpers/redis-cluster.ts';
import type { PublishedEvent } from './job-checker.ts';
import { type Kept, keepAlive } from './kept.ts';
import { startProxy, type TcpProxy } from './proxy.ts';
import {
  createServer,
  type Ground,
  mysqlData,
  type Server,
  type ServerName,
  serviceAccount,
} from './servers.ts';
import { bindEvents, readOrders, removeQueues } from './stores.ts';

const fromRoot = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export interface WorldOptions {
  /** For all processes of the service. */
  env?: NodeJS.ProcessEnv;
  /** One API (a primary with API_WORKERS workers) an entry, with what only it gets. */
  apis?: NodeJS.ProcessEnv[];
  consumers?: number;
  hubs?: number;
  /** How many events the queue of the suite takes: it refuses more. */
  eventsAtMost?: number;
  /** What only consumers get. */
  consumerEnv?: NodeJS.ProcessEnv;
  /** Modules of test/faults/inject that the API or consumers load first. */
  apiInject?: string;
  consumerInject?: string;
  /** Puts a proxy before each server. */
  proxied?: boolean;
  /** More options for MySQL. */
  mysql?: string[];
  /** Whether the service reads from a second MySQL, which startMysqlPair starts. */
  replica?: boolean;
  /** Whether Redis is a cluster of six nodes, instead of `servers.redis`. */
  redisCluster?: boolean;
  /** Whether RabbitMQ is a cluster of three nodes, instead of `servers.rabbitmq`. */
  rabbitmqCluster?: boolean;
  /** Servers that are not there at first. */
  away?: ServerName[];
}

/** How many processes a world has where its scenario does not say: a start of each costs a second of CPU. */
export interface Processes {
  consumers: number;
  apiWorkers: number;
}

/**
 * Builds a world and waits until it serves. Its `end` must be called, however the scenario ends.
 * @param ground is shared with the next world: its broker is started if it does not run, and its queues are removed
 */
export const createWorld = async (options: WorldOptions, processes: Processes, ground: Ground) => {
  const {
    apis: apiEnvs = [{}, {}],
    consumers: consumerCount = processes.consumers,
    hubs: hubCount = 1,
    away = [],
  } = options;
  const { folder, end: endFolder } = guardedFolder('orders-faults-');
  const place = (name: string) => join(folder, name);
  const { certificate } = ground;
  const redisCluster = options.redisCluster
    ? await startRedisCluster(place('redis-cluster'), { certificate })
    : undefined;
  const [node] = redisCluster?.nodes ?? [];
  const rabbitmqCluster = options.rabbitmqCluster ? await ground.cluster() : undefined;
  const ports = {
    mysql: await freePort(),
    redis: node?.port ?? (await freePort()),
    rabbitmq: ground.broker.port,
  };
  const redisTlsPort = await freePort();
  const secondMysqlPort = await freePort();
  /** Where the service finds the servers. */
  const servedPorts = {
    mysql: ports.mysql,
    redis: node?.servedPort ?? (certificate ? redisTlsPort : ports.redis),
    rabbitmq: ground.broker.servedPort,
  };
  const servers = {
    mysql: createServer(
      () =>
        startMysql({
          folder: place('mysql'),
          port: ports.mysql,
          database: 'orders',
          options: [...(options.mysql ?? []), ...(certificate ? mysqlOverTls(certificate) : [])],
          ...account,
        }),
      place('mysql'),
    ),
    redis: createServer(
      () =>
        startRedis({
          folder: place('redis'),
          port: ports.redis,
          settings: certificate ? redisOverTls(certificate, redisTlsPort) : {},
        }),
      place('redis'),
    ),
    rabbitmq: ground.broker,
  } satisfies Record<ServerName, Server>;
  cpSync(ground.mysqlData, mysqlData(place('mysql')), { recursive: true });
  const single = [
    servers.mysql,
    ...(redisCluster ? [] : [servers.redis]),
    ...(rabbitmqCluster ? [] : [servers.rabbitmq]),
  ];
  await Promise.all(single.map((one) => one.start()));

  const proxies = new Map<ServerName, TcpProxy>();
  if (options.proxied)
    for (const name of ['mysql', 'redis', 'rabbitmq'] as const)
      proxies.set(name, await startProxy(servedPorts[name]));
  const portOf = (name: ServerName) => proxies.get(name)?.port ?? servedPorts[name];

  /** What reaches the servers themselves, whatever stands before them, without TLS and as an administrator. */
  const directEnv: NodeJS.ProcessEnv = {
    ...serverEnvironment(ports),
    ACCESS_LOG_FILE: '/dev/null',
    SIMULATED_WRITE_LAG: '0.002',
    API_WORKERS: String(processes.apiWorkers),
    ...(rabbitmqCluster
      ? { RABBITMQ_HOST: rabbitmqCluster.hosts, RABBITMQ_PORT: '' }
      : { RABBITMQ_VHOST: ground.broker.vhost }),
    ...options.env,
  };
  const env: NodeJS.ProcessEnv = {
    ...directEnv,
    ...(certificate && overTls(certificate)),
    DB_USER: serviceAccount.user,
    DB_PASS: serviceAccount.password,
    DB_PORT: String(portOf('mysql')),
    ...(options.replica && { DB_READ_HOST: '127.0.0.1', DB_READ_PORT: String(secondMysqlPort) }),
    REDIS_URL: `${certificate ? 'rediss' : 'redis'}://127.0.0.1:${portOf('redis')}/0`,
    ...(rabbitmqCluster
      ? { RABBITMQ_HOST: rabbitmqCluster.servedHosts }
      : { RABBITMQ_PORT: String(portOf('rabbitmq')) }),
  };
  await removeQueues(directEnv);
  await bindEvents(directEnv, { most: options.eventsAtMost, type: rabbitmqCluster ? 'quorum' : 'classic' });
  for (const name of away) await servers[name].stop();

  mkdirSync(place('logs'));
  const inject = (module: string | undefined) =>
    module ? ['--import', fromRoot(`test/faults/inject/${module}.mjs`)] : [];
  const urls: string[] = [];
  const apis: Kept[] = [];
  for (const [i, own] of apiEnvs.entries()) {
    const port = await freePort();
    urls.push(`http://127.0.0.1:${port}`);
    const args = [...inject(options.apiInject), fromRoot('dist/api/server.js')];
    const apiEnv = { ...env, ...own, PORT: String(port) };
    apis.push(
      keepAlive(ground.node, args, { env: apiEnv, cwd: folder, logFile: place(`logs/api_${i + 1}.log`) }),
    );
  }
  const consumers = Array.from({ length: consumerCount }, (_, i) =>
    keepAlive(
      ground.node,
      [...inject(options.consumerInject), fromRoot('dist/consumer/worker.js'), String(i + 1)],
      {
        // What a batch fails for is a matter of debugging, and of `blamed`.
        env: { ...env, LOG_LEVEL: 'debug', ...options.consumerEnv },
        cwd: folder,
        logFile: place(`logs/consumer_${i + 1}.log`),
      },
    ),
  );
  const hubs = Array.from({ length: hubCount }, (_, i) =>
    keepAlive(ground.node, [fromRoot('dist/hub/worker.js')], {
      env,
      cwd: folder,
      logFile: place(`logs/hub_${i + 1}.log`),
    }),
  );
  const events: PublishedEvent[] = [];
  const processesOfService = [...apis, ...consumers, ...hubs];
  for (const one of processesOfService) one.start();

  type Readiness = Record<'status' | 'accepting' | 'reading', string>;
  /** What an API says of itself: it is `ready`, or at least accepts writes and reads. */
  const readinessOf = (url: string): Promise<Readiness | undefined> =>
    fetch(`${url}/health/ready`)
      .then(async (response) => (await response.json()) as Readiness)
      .catch(() => undefined);
  const allSay = async (isSo: (said: Readiness) => boolean) =>
    (await Promise.all(urls.map(readinessOf))).every((said) => said !== undefined && isSo(said));
  const end = async () => {
    await Promise.all(processesOfService.map((one) => one.stop('SIGKILL')));
    for (const proxy of proxies.values()) proxy.close();
    await redisCluster?.end();
    await endFolder();
  };
  const serves = ({ accepting, reading }: Readiness) => accepting === 'yes' && reading === 'yes';
  const ready = () => until('all APIs are ready', () => allSay(serves), 60_000);
  const whole = () =>
    until('all APIs reach all servers', () => allSay(({ status }) => status === 'ready'), 60_000);
  const logs = () => readdirSync(place('logs'));
  let logged = new Map<string, number>();
  let before = new Set<string>();
  try {
    if (!away.some((name) => name !== 'redis')) await ready();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    folder,
    /** Settings that reach the servers past the proxies, without TLS and as an administrator. */
    env: directEnv,
    /** Settings that reach the servers as the world's own processes do. */
    serviceEnv: env,
    servedPorts,
    /** The data with which its MySQL began, and where a second one listens if there is one. */
    mysqlBefore: ground.mysqlData,
    secondMysqlPort,
    /** With which the servers speak TLS to the service; undefined without TLS. */
    certificate,
    urls,
    servers,
    redisCluster,
    rabbitmqCluster,
    proxies,
    apis,
    consumers,
    hubs,
    /** Events that a scenario has taken from the queue, in their order. */
    events,
    ready,
    /** Waits until all APIs reach all of their servers. */
    whole,
    /** The lines that processes of a kind have logged: in this scenario, or `ever` since they began. */
    logged: (whose: 'api' | 'consumer' | 'hub', ever = false): string[] =>
      logs()
        .filter((name) => name.startsWith(whose))
        .map((name) => readFileSync(place(`logs/${name}`)).subarray(ever ? 0 : logged.get(name)))
        .flatMap((log) => log.toString().split('\n')),
    /** The orders that MySQL has. */
    orders: async () => (await readOrders(directEnv)).filter(({ id }) => !before.has(id)),
    /** Makes it a world for another scenario, in which nothing has happened yet. All must be settled. */
    renew: async () => {
      await whole();
      events.length = 0;
      before = new Set((await readOrders(directEnv)).map(({ id }) => id));
      logged = new Map(logs().map((name) => [name, statSync(place(`logs/${name}`)).size]));
    },
    end,
  };
};
export type World = Awaited<ReturnType<typeof createWorld>>;
