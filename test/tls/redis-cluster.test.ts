/** A Redis Cluster over TLS. Its nodes may be known by name, or by address while their certificates are for a name. */
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { guardedFolder } from '../../testbed/guarded-folder.ts';
import { load } from '../helpers/config.ts';
import { startRedisCluster } from '../helpers/redis-cluster.ts';
import { makeCertificates, sentences, toldOf } from '../helpers/tls.ts';

const { folder, end } = guardedFolder('orders-cluster-tls-');
t.teardown(end);
const { authority, servers } = makeCertificates(folder);
const port = await freePort();
const cluster = await startRedisCluster(join(folder, 'cluster'), {
  masters: 1,
  replicas: 0,
  settings: {
    bind: '127.0.0.1 127.0.0.2',
    'cluster-announce-ip': '127.0.0.1',
    'tls-port': `${port}`,
    'tls-ca-cert-file': authority,
    'tls-cert-file': servers.named.certificate,
    'tls-key-file': servers.named.key,
    'tls-auth-clients': 'no',
    // Then nodes are known by the ports that speak TLS.
    'tls-cluster': 'yes',
  },
});
t.teardown(cluster.end);
const [node] = cluster.nodes;
const toldAt = (host: string) =>
  toldOf.REDIS(
    load({
      REDIS_URL: `rediss://${host}:${port}/0`,
      REDIS_TLS_CA_FILE: authority,
      REDIS_CLUSTER: 'true',
    }),
  );
const slots = async () => JSON.stringify(await node?.admin.cluster('SLOTS'));

const warnings: string[] = [];
process.on('warning', ({ message }) => warnings.push(message));

t.test(
  'nodes that are known by their addresses, with certificates for the name in the settings',
  async (t) => {
    t.match(await slots(), '"127.0.0.1"');
    t.equal(await toldAt('localhost'), 'reached');
    t.equal(
      await toldAt('127.0.0.1'),
      sentences('REDIS', `Redis at 127.0.0.1:${port}`).forOthers('localhost', '127.0.0.1'),
    );
  },
);

t.test('nodes that are known by name', async (t) => {
  await node?.admin.config('SET', 'cluster-announce-hostname', 'localhost');
  await node?.admin.config('SET', 'cluster-preferred-endpoint-type', 'hostname');
  t.match(await slots(), '"localhost"');
  t.equal(await toldAt('localhost'), 'reached');
});

t.test('a node whose certificate is for the server in the settings only', async (t) => {
  const { certificate, key } = servers.other;
  await node?.admin.config('SET', 'tls-cert-file', certificate, 'tls-key-file', key);
  t.equal(
    await toldAt('127.0.0.2'),
    sentences('REDIS', `Redis at localhost:${port}`).forOthers('wrong.example, 127.0.0.2', 'localhost'),
  );
});

t.test('addresses make Node warn of nothing', async (t) => t.strictSame(warnings, []));
