/** The whole service with TLS to all three servers, each of which wants our certificate; and what a start says. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { startRedis, stopServer } from '../../ops/private-servers.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { withoutTap } from '../../testbed/spawn.ts';
import { mysqlOverTls, overTls, redisOverTls } from '../../testbed/tls-servers.ts';
import { until } from '../../testbed/until.ts';
import { skippedWithout } from '../helpers/client-programs.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { ADMIN_PASSWORD, ORDER_REQUESTS, runLocust } from '../helpers/locust.ts';
import { startOwnMysql } from '../helpers/mysql.ts';
import { startService } from '../helpers/processes.ts';
import { listenOverTls, makeCertificates, showing } from '../helpers/tls.ts';

const { authority, servers, clients } = makeCertificates(join(t.testdir(), randomUUID()));
const certificate = { authority, ...servers.right };

const mysql = await startOwnMysql(t, mysqlOverTls(certificate));
await mysql.rows(`ALTER USER ${mysql.account} REQUIRE X509`);
const [redisPort, redisTlsPort] = [await freePort(), await freePort()];
const settings = { ...redisOverTls(certificate, redisTlsPort), 'tls-auth-clients': 'yes' };
await startRedis({ folder: scratchFolder(t, stopServer), port: redisPort, settings });
const [rabbitmqPort] = await listenOverTls([{ ...certificate, isMutual: true }]);

const port = await freePort();
const env = await isolatedEnvironment({
  ...mysql.env,
  ...overTls(certificate),
  ...showing('DB', clients.right),
  ...showing('REDIS', clients.right),
  ...showing('MQ', clients.right),
  DB_HOST: 'localhost',
  REDIS_URL: `rediss://127.0.0.1:${redisTlsPort}/0`,
  RABBITMQ_PORT: String(rabbitmqPort),
  PORT: String(port),
  API_WORKERS: '1',
  ADMIN_PASSWORD,
});

t.test('what start_services.sh says before it starts anything', async (t) => {
  const none = { certificate: '', key: '' };
  const table: [settings: NodeJS.ProcessEnv, sentence: RegExp][] = [
    [
      { ...env, DB_TLS_CA_FILE: '' },
      /^The certificate of MySQL at localhost:\d+ is not signed by an authority that is trusted here: let DB_TLS_CA_FILE name a file with its authority, up to the root\.$/m,
    ],
    [
      { ...env, ...showing('REDIS', none) },
      /^Redis at 127\.0\.0\.1:\d+ wants a certificate of its clients: set REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE\.$/m,
    ],
    [
      { ...env, MQ_TLS_SERVER_NAME: 'mq.example' },
      /^The certificate of RabbitMQ at 127\.0\.0\.1:\d+ is for localhost, 127\.0\.0\.1, not for mq\.example: correct MQ_TLS_SERVER_NAME\.$/m,
    ],
    [
      { ...env, MQ_USE_SSL: '', MQ_TLS_CA_FILE: '', ...showing('MQ', none) },
      /^RabbitMQ at 127\.0\.0\.1:\d+ speaks TLS on that port: set MQ_USE_SSL=true, or let RABBITMQ_URL begin with amqps:\/\/\.$/m,
    ],
  ];
  const program = fileURLToPath(new URL('../../dist/ops/start.js', import.meta.url));
  for (const [settings, sentence] of table) {
    const child = spawn(...withoutTap(process.execPath, program), {
      cwd: t.testdir(),
      env: settings,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    t.match(said, sentence);
    t.equal(said.trim().split('\n').length, 1, 'one sentence, and nothing was started');
    t.equal(code, 1);
  }
});

t.test('writes are applied and read', async (t) => {
  const { api, consumers } = await startService(t, env);
  const url = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until('the API is ready', isReady, 60_000);
  const created = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=60' },
    body: JSON.stringify({ customer_name: 'Ada', items: [{ name: 'Tea', quantity: 2 }] }),
  });
  t.equal(created.status, 201);
  t.match(await (await fetch(`${url}${created.headers.get('location')}`)).json(), { customer_name: 'Ada' });
  t.match(await (await fetch(`${url}/health/ready`)).json(), { status: 'ready' });
  for (const process of [api, ...consumers]) t.notMatch(process.output(), /Warning|TLS/);

  const skip = skippedWithout('locust');
  await t.test('Locust', { skip }, (t) => runLocust(t, 'test/locustfile.py', url, ORDER_REQUESTS));
});
