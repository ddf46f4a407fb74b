/** Servers that can be killed, frozen and started again with their data. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { migrateDatabase } from '../../../db/migrate.ts';
import { freePort } from '../../../ops/ports.ts';
import { tracked } from '../../../ops/private/server.ts';
import {
  account,
  serverEnvironment,
  startMysql,
  startRabbitmq,
  stopServer,
} from '../../../ops/private-servers.ts';
import { runningPid } from '../../../ops/processes.ts';
import { loadConfig } from '../../../process/config.ts';
import { type RabbitmqCluster, startRabbitmqCluster } from '../../../testbed/rabbitmq-cluster.ts';
import { erlang, evaluate } from '../../../testbed/rabbitmqctl.ts';
import {
  makeServerCertificate,
  rabbitmqOverTls,
  type ServerCertificate,
} from '../../../testbed/tls-servers.ts';
import { until } from '../../../testbed/until.ts';

export type ServerName = 'mysql' | 'redis' | 'rabbitmq';

/**
 * @param start starts it, or finds it running
 * @param folder where it works
 */
export const createServer = (start: () => Promise<{ pid: number }>, folder: string) => {
  let pid = 0;
  const signal = (name: NodeJS.Signals) => process.kill(pid, name);
  return {
    start: async () => {
      pid = (await start()).pid;
    },
    /** SIGKILL, and waits until the process is gone. */
    kill: async () => {
      signal('SIGKILL');
      await stopServer(folder);
    },
    /** Waits until it is gone, whoever has killed it. */
    gone: () => until('the server is gone', () => runningPid(tracked(folder)) === undefined),
    /** SIGTERM, and waits for it. */
    stop: () => stopServer(folder),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
};
export type Server = ReturnType<typeof createServer>;

/**
 * A RabbitMQ for one scenario after the other: its start costs as much CPU as all else that a world starts.
 * @param folder must be guarded
 * @param certificate with which it speaks TLS too, on `servedPort`
 */
const createBroker = async (folder: string, certificate: ServerCertificate | undefined) => {
  const port = await freePort();
  const tlsPort = await freePort();
  const settings = certificate && rabbitmqOverTls(certificate, tlsPort);
  const start = () => startRabbitmq({ folder, port, ...account, ...(settings && { settings }) });
  return {
    ...createServer(start, folder),
    folder,
    port,
    servedPort: certificate ? tlsPort : port,
    vhost: '/',
  };
};
type Broker = Awaited<ReturnType<typeof createBroker>>;

/** A virtual host of a broker that others use too: no scenario may touch the broker itself. */
const shareBroker = async ({ folder, port }: SharedBroker): Promise<Broker> => {
  const vhost = `faults_${randomUUID().slice(0, 8)}`;
  const all = erlang.setPermissions(account.user, ['.*', '.*', '.*'], vhost);
  await evaluate(folder, [erlang.addVhost(vhost), all].join());
  const refuse = () => {
    throw new Error('Others use this RabbitMQ too.');
  };
  const untouched = { kill: refuse, gone: refuse, stop: refuse, freeze: refuse, thaw: refuse };
  return { start: async () => {}, ...untouched, folder, port, servedPort: port, vhost };
};

/** Where a broker works, and listens. */
export interface SharedBroker {
  folder: string;
  port: number;
}

/** The service's account in MySQL. Where that is read-only it may not write, as an administrator may. */
export const serviceAccount = { user: 'service', password: 'service' };

/** Where a MySQL that works in a folder has its data. */
export const mysqlData = (folder: string): string => join(folder, 'data');

/**
 * Makes the data with which the MySQL of each world begins: the server's own tables and the service's, empty. To copy
 * them takes a tenth of the time that it takes to make them.
 * @param folder must be guarded
 * @returns the folder with the data
 */
const makeMysqlData = async (folder: string): Promise<string> => {
  const port = await freePort();
  await startMysql({ folder, port, database: 'orders', ...account });
  const env = serverEnvironment({ mysql: port, redis: port, rabbitmq: port });
  const { mysql } = loadConfig(env);
  await migrateDatabase(mysql, { waitMs: 30_000 });
  const admin = await createConnection(connectionOptions(mysql));
  const { user, password } = serviceAccount;
  await admin.query(`CREATE USER '${user}'@'%' IDENTIFIED BY '${password}'`);
  await admin.query(`GRANT ALL ON orders.* TO '${user}'@'%'`);
  await admin.end();
  await stopServer(folder);
  return mysqlData(folder);
};

/**
 * What the worlds of a run have in common.
 * @param folder must be guarded
 * @param tls whether the service speaks TLS to all servers
 * @param node the program that runs the service
 * @param shared a broker to use instead of one of the run's own, without TLS
 */
export const createGround = async (
  folder: string,
  { tls, node, shared }: { tls: boolean; node: string; shared?: SharedBroker | undefined },
) => {
  const certificate = tls ? makeServerCertificate(join(folder, 'tls')) : undefined;
  const [broker, data] = await Promise.all([
    shared ? shareBroker(shared) : createBroker(join(folder, 'rabbitmq'), certificate),
    makeMysqlData(join(folder, 'mysql')),
  ]);
  let cluster: Promise<RabbitmqCluster> | undefined;
  return {
    broker,
    mysqlData: data,
    certificate,
    node,
    /** A cluster of three nodes, all of which run. It is started for the first scenario that asks for it. */
    cluster: async (): Promise<RabbitmqCluster> => {
      cluster ??= startRabbitmqCluster(join(folder, 'rabbitmq-cluster'), account, certificate);
      const started = await cluster;
      await Promise.all(started.nodes.map((node) => node.start()));
      return started;
    },
  };
};
export type Ground = Awaited<ReturnType<typeof createGround>>;
