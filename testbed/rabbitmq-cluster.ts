/** A private RabbitMQ cluster, whose nodes can be killed, drained and frozen. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../ops/ports.ts';
import { startEpmd } from '../ops/private/rabbitmq.ts';
import { makePrivate, tracked } from '../ops/private/server.ts';
import { startRabbitmq, stopServer } from '../ops/private-servers.ts';
import { runningPid } from '../ops/processes.ts';
import { rabbitmqTool } from './rabbitmqctl.ts';
import { rabbitmqOverTls, type ServerCertificate } from './tls-servers.ts';

const NODES = 3;

/** Makes a node, which does not run yet. */
const createNode = (place: Parameters<typeof startRabbitmq>[0]) => {
  const { folder, port } = place;
  const signal = (name: NodeJS.Signals) => process.kill(runningPid(tracked(folder)) ?? Number.NaN, name);
  return {
    folder,
    port,
    start: async () => {
      await startRabbitmq(place);
    },
    /** SIGKILL, and waits until the process is gone. */
    kill: async () => {
      signal('SIGKILL');
      await stopServer(folder);
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    /** Takes its clients and its leaders away from it, as before it is stopped for an upgrade; and gives it back. */
    drain: () => rabbitmqTool('rabbitmq-upgrade', folder, 'drain'),
    revive: () => rabbitmqTool('rabbitmq-upgrade', folder, 'revive'),
  };
};
export type RabbitmqNode = ReturnType<typeof createNode>;

/**
 * Starts a cluster of three nodes on this machine, and waits until all know each other. A node that sees no majority
 * pauses, as on Amazon MQ (https://www.rabbitmq.com/docs/partitions#pause-minority).
 * @param folder must be guarded
 * @param certificate with which the nodes speak TLS too, at `servedHosts`
 */
export const startRabbitmqCluster = async (
  folder: string,
  account: { user: string; password: string },
  certificate?: ServerCertificate,
) => {
  const home = join(folder, 'home');
  makePrivate(folder);
  makePrivate(home);
  writeFileSync(join(home, '.erlang.cookie'), randomUUID(), { mode: 0o400 });
  const epmdPort = await freePort();
  await startEpmd(folder, {
    ...process.env,
    HOME: home,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: `${epmdPort}`,
  });
  const names = Array.from({ length: NODES }, (_, i) => `orders${i + 1}@localhost`);
  const settings = [
    `default_user = ${account.user}`,
    `default_pass = ${account.password}`,
    'cluster_partition_handling = pause_minority',
    'cluster_formation.peer_discovery_backend = classic_config',
    ...names.map((name, i) => `cluster_formation.classic_config.nodes.${i + 1} = ${name}`),
  ];
  const nodes: RabbitmqNode[] = [];
  const tlsPorts: number[] = [];
  for (const [i, name] of names.entries()) {
    const place = { folder: join(folder, `node${i + 1}`), port: await freePort(), ...account };
    const tlsPort = await freePort();
    tlsPorts.push(tlsPort);
    const all = [...settings, ...(certificate ? rabbitmqOverTls(certificate, tlsPort) : [])];
    nodes.push(createNode({ ...place, settings: all, node: { name, epmdPort, home } }));
  }
  const [first, ...others] = nodes;
  if (!first) throw new Error('There is no node.');
  // It makes the cluster that the others join.
  await first.start();
  await Promise.all(others.map((node) => node.start()));
  const hostsOf = (ports: number[]) => ports.map((port) => `127.0.0.1:${port}`).join();
  const ports = nodes.map(({ port }) => port);
  const hosts = hostsOf(ports);

  return {
    first,
    nodes,
    /** The node to which the service is connected at a host and port. */
    at: (host: string) => nodes.find((_, i) => hostsOf([(certificate ? tlsPorts : ports)[i] ?? 0]) === host),
    /** Values of RABBITMQ_HOST: without TLS, and as the service connects. */
    hosts,
    servedHosts: certificate ? hostsOf(tlsPorts) : hosts,
  };
};
export type RabbitmqCluster = Awaited<ReturnType<typeof startRabbitmqCluster>>;
