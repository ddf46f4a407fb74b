/** A private Redis Cluster, whose nodes can be killed and frozen, and whose slots can be moved. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../ops/ports.ts';
import { makePrivate, requireProgram, startServer, stopServer } from '../../ops/private/server.ts';
import { redisOverTls, type ServerCertificate } from '../../testbed/tls-servers.ts';
import { until } from '../../testbed/until.ts';

const SLOTS = 16_384;
/** After this long without an answer a node counts as failed, and a replica takes its place. */
const NODE_TIMEOUT_MS = 1_000;
/** A master waits so long for its replica until it gives up a failover that it was asked for. */
const HANDOVER_MS = 8_000;

const startNode = async (folder: string, port: number, busPort: number, settings: Record<string, string>) => {
  makePrivate(folder);
  const all = {
    bind: '127.0.0.1',
    port: `${port}`,
    dir: `${folder}/`,
    save: '',
    'set-proc-title': 'no',
    'cluster-enabled': 'yes',
    'cluster-port': `${busPort}`,
    'cluster-node-timeout': `${NODE_TIMEOUT_MS}`,
    'repl-diskless-sync-delay': '0',
    ...settings,
  };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const command = requireProgram('redis-server', 'valkey-server');
  return startServer({ backend: 'redis', folder, port, command, args, env: process.env });
};

/** Makes a node, and starts it. */
const createNode = async (
  folder: string,
  certificate: ServerCertificate | undefined,
  more: Record<string, string>,
) => {
  const [port, busPort, tlsPort] = [await freePort(), await freePort(), await freePort()];
  const settings = {
    ...more,
    // Clients that speak TLS are then led to the ports of others where these speak it.
    ...(certificate && {
      ...redisOverTls(certificate, tlsPort),
      'tls-cluster': 'yes',
      'tls-replication': 'yes',
    }),
  };
  let { pid } = await startNode(folder, port, busPort, settings);
  const admin = new Redis({ port, retryStrategy: () => 100, disableClientInfo: true });
  admin.on('error', () => {});
  return {
    port,
    /** Where it speaks TLS, if it does. */
    servedPort: certificate ? tlsPort : port,
    admin,
    id: String(await admin.cluster('MYID')),
    meet: (other: Redis) => other.call('CLUSTER', 'MEET', '127.0.0.1', certificate ? tlsPort : port, busPort),
    start: async () => {
      pid = (await startNode(folder, port, busPort, settings)).pid;
    },
    freeze: () => process.kill(pid, 'SIGSTOP'),
    thaw: () => process.kill(pid, 'SIGCONT'),
    kill: async () => {
      process.kill(pid, 'SIGKILL');
      await stopServer(folder);
    },
    end: async () => {
      admin.disconnect();
      await stopServer(folder);
    },
  };
};
export type ClusterNode = Awaited<ReturnType<typeof createNode>>;

/**
 * Starts a cluster and waits until it serves.
 * @param folder must be guarded, or the caller calls `end`
 * @param masters how many; the slots are shared out among them
 * @param replicas how many nodes more; each is the replica of another master
 * @param certificate with which the nodes speak TLS too
 */
export const startRedisCluster = async (
  folder: string,
  {
    masters = 3,
    replicas = 3,
    settings = {},
    certificate,
  }: {
    masters?: number;
    replicas?: number;
    settings?: Record<string, string>;
    certificate?: ServerCertificate | undefined;
  } = {},
) => {
  const nodes = await Promise.all(
    Array.from({ length: masters + replicas }, (_, n) =>
      createNode(join(folder, `${n}`), certificate, settings),
    ),
  );
  const [first, ...others] = nodes;
  if (!first) throw new Error('A cluster has one node at least.');
  const all = <T>(work: (node: ClusterNode, n: number) => Promise<T>) => Promise.all(nodes.map(work));
  const info = (node: ClusterNode): Promise<string> => node.admin.cluster('INFO').then(String);
  await all((node, n) => node.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', n + 1));
  const firstOf = (n: number) => Math.floor((n * SLOTS) / masters);
  for (const [n, node] of nodes.slice(0, masters).entries())
    await node.admin.call('CLUSTER', 'ADDSLOTSRANGE', firstOf(n), firstOf(n + 1) - 1);
  for (const node of others) await node.meet(first.admin);
  const isKnown = (text: string) => text.includes(`cluster_known_nodes:${nodes.length}`);
  await until('all nodes know one another', async () => (await all(info)).every(isKnown), 60_000);
  for (const [n, node] of nodes.slice(masters).entries()) {
    const { id } = nodes[n % masters] ?? first;
    await until(
      'the replica knows its master',
      () =>
        node.admin.call('CLUSTER', 'REPLICATE', id).then(
          () => true,
          () => false,
        ),
      60_000,
    );
  }

  /** Waits until all nodes that run say that all is well, and replicas have what their masters have. */
  const whole = () =>
    until(
      'the cluster is whole',
      async () => {
        const said = await all(async ({ admin }) => [
          String(await admin.cluster('INFO')),
          await admin.info('replication'),
        ]);
        return said
          .flat()
          .every(
            (text) =>
              !/cluster_state:fail|cluster_slots_(pfail|fail):[1-9]|master_link_status:down/.test(text),
          );
      },
      60_000,
    );
  const isMaster = async ({ admin }: ClusterNode): Promise<boolean> =>
    ((await admin.call('ROLE')) as unknown[])[0] === 'master';
  /** The masters that have slots, as a node knows them. */
  const mastersKnownTo = async ({ admin }: ClusterNode): Promise<ClusterNode[]> => {
    const ports = (await admin.cluster('SLOTS')).map(([, , master]) => master?.[1]);
    return nodes.filter(({ port }) => ports.includes(port));
  };
  /**
   * Waits until a master knows the epochs of all. To a slot that it takes it then lays claim with a greater one. If it did
   * not yet know a greater one of the slot's former owner, that one's earlier claim, still on its way, would win: the
   * new owner would give the slot back, and delete its keys (clusterUpdateSlotsConfigWith in Redis's cluster.c).
   */
  const knowsEpochs = (to: ClusterNode) =>
    until('the master knows all epochs', async () => {
      const epochOf = async (whose: 'current' | 'my', node: ClusterNode) =>
        Number((await info(node)).match(`cluster_${whose}_epoch:(\\d+)`)?.[1]);
      const own = await Promise.all((await mastersKnownTo(to)).map((node) => epochOf('my', node)));
      return (await epochOf('current', to)) >= Math.max(...own);
    });
  await whole();
  await until(
    'all masters are known',
    async () => (await all((node) => mastersKnownTo(node))).every((known) => known.length === masters),
    60_000,
  );

  return {
    nodes,
    whole,
    mastersKnownTo,
    /** The master that has a slot, as a node knows it. */
    ownerOf: async (slot: number, { admin }: ClusterNode = first): Promise<ClusterNode | undefined> => {
      const ranges = await admin.cluster('SLOTS');
      const [, , master] = ranges.find(([from, to]) => from <= slot && slot <= to) ?? [];
      return nodes.find(({ port }) => port === master?.[1]);
    },
    /** A master that has a replica, and that. */
    pair: async (): Promise<[master: ClusterNode, replica: ClusterNode]> => {
      for (const replica of nodes) {
        const [role, , port] = (await replica.admin.call('ROLE')) as unknown[];
        const master = nodes.find((node) => [node.port, node.servedPort].includes(Number(port)));
        if (role === 'slave' && master) return [master, replica];
      }
      throw new Error('The cluster has no replica.');
    },
    isMaster,

    /** Has a replica take its master's place, and the master make way. */
    handOver: async (replica: ClusterNode): Promise<void> => {
      let asked = Number.NEGATIVE_INFINITY;
      await until(
        'the master has made way',
        async () => {
          if (performance.now() > asked + HANDOVER_MS) {
            asked = performance.now();
            await replica.admin.call('CLUSTER', 'FAILOVER');
          }
          return isMaster(replica);
        },
        60_000,
      );
    },

    /**
     * Moves a slot with all its keys from one master to another, as redis-cli does it, one key at a time.
     * @param midway is awaited after each key, with how many are left
     */
    moveSlot: async (
      slot: number,
      from: ClusterNode,
      to: ClusterNode,
      midway: (left: number) => Promise<unknown> = async () => {},
    ): Promise<void> => {
      const set = (node: ClusterNode, ...args: string[]) =>
        node.admin.call('CLUSTER', 'SETSLOT', slot, ...args);
      await set(to, 'IMPORTING', from.id);
      await set(from, 'MIGRATING', to.id);
      for (;;) {
        const keys = await from.admin.cluster('GETKEYSINSLOT', slot, 1);
        if (keys.length === 0) break;
        await from.admin.migrate('127.0.0.1', to.servedPort, '', 0, 5_000, 'KEYS', ...keys);
        await midway(Number(await from.admin.cluster('COUNTKEYSINSLOT', slot)));
      }
      await knowsEpochs(to);
      for (const node of [to, from, ...(await mastersKnownTo(to))]) await set(node, 'NODE', to.id);
    },

    end: () => all((node) => node.end()),
  };
};
export type RedisCluster = Awaited<ReturnType<typeof startRedisCluster>>;
