/** Redis and RabbitMQ over TLS, with an authority of one's own that NODE_EXTRA_CA_CERTS names, as .env may. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import t, { type Test } from 'tap';
import { openLink } from '../../cache/link.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { openConnection } from '../../queue/connection.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';

const env = await isolatedEnvironment();

const folder = t.testdir();
execFileSync(
  'openssl',
  `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem`.split(
    ' ',
  ),
  { cwd: folder, stdio: 'ignore' },
);
const certificate = join(folder, 'cert.pem');

/** Starts a proxy that speaks TLS in front of a server that does not. @returns its port */
const startTls = async (t: Test, port: number): Promise<number> => {
  const options = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(certificate) };
  const server = createServer(options, (socket) => {
    const inner = connect(port, '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
    socket.on('close', () => inner.destroy());
  });
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
};

/** Without NODE_EXTRA_CA_CERTS nobody vouches for the certificate. */
const reachesOnlyWith = async (
  t: Test,
  settings: NodeJS.ProcessEnv,
  reaches: (config: ReturnType<typeof loadConfig>) => Promise<boolean>,
) => {
  t.equal(await reaches(loadConfig({ ...env, ...settings })), false);
  t.equal(await reaches(loadConfig({ ...env, ...settings, NODE_EXTRA_CA_CERTS: certificate })), true);
};

t.test('Redis', async (t) => {
  const { redis } = loadConfig(env);
  const port = await startTls(t, redis.port);
  await reachesOnlyWith(t, { REDIS_URL: `rediss://localhost:${port}/${redis.db}` }, async (config) => {
    const link = openLink(config, { observer: unobserved });
    await link.reachedWithin(1_000);
    const answer = await link.attempt((client) => client.ping(), 'nothing');
    await link.close();
    return answer === 'PONG';
  });
});

t.test('RabbitMQ', async (t) => {
  const port = await startTls(t, loadConfig(env).rabbitmq.hosts[0].port);
  const settings = { RABBITMQ_HOST: 'localhost', RABBITMQ_PORT: `${port}`, MQ_USE_SSL: 'true' };
  await reachesOnlyWith(t, settings, async ({ rabbitmq }) => {
    let tell = (_reached: boolean) => {};
    const told = new Promise<boolean>((resolve) => {
      tell = resolve;
    });
    const connection = await openConnection(rabbitmq, unobserved, 'test', {
      setup: async () => tell(true),
      lost: () => tell(false),
    });
    const reached = await told;
    await connection.close();
    return reached;
  });
});
