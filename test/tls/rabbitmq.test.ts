/** RabbitMQ over TLS: whose certificate is accepted, and what is said of each other. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { onConnection, openConnection } from '../../queue/connection.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import {
  listenOverTls,
  makeCertificates,
  type ServerCertificate,
  sentences,
  showing,
  toldOf,
} from '../helpers/tls.ts';

const env = await isolatedEnvironment();
// Erlang keeps what it has read of a file for a while, by its path.
const folder = join(t.testdir(), randomUUID());
const { authority, foreignAuthority, servers, clients } = makeCertificates(folder);
const plain = Number(env.RABBITMQ_PORT);

/** Of one broker, a port for each certificate, and one at which clients must show theirs. */
const names = Object.keys(servers) as ServerCertificate[];
const [mutualPort, ...serverPorts] = await listenOverTls([
  { authority, ...servers.right, isMutual: true },
  ...names.map((name) => ({ authority, ...servers[name] })),
]);
const ports = new Map<ServerCertificate | 'mutual', number | undefined>([
  ['mutual', mutualPort],
  ...names.map((name, i) => [name, serverPorts[i]] as const),
]);

const trusting = { MQ_TLS_CA_FILE: authority };
const configOf = (port: number | undefined, overrides: NodeJS.ProcessEnv) =>
  loadConfig({ ...env, MQ_USE_SSL: 'true', RABBITMQ_PORT: String(port), ...overrides });

type Case = [what: string, port: number | undefined, env: NodeJS.ProcessEnv, expected: string | RegExp];
const at = (name: ServerCertificate | 'mutual', host = '127.0.0.1') => {
  const port = ports.get(name);
  return { port, said: sentences('MQ', `RabbitMQ at ${host}:${port}`) };
};
const [right, named, other, mutual] = [at('right'), at('named'), at('other'), at('mutual')];
const byName = { ...trusting, RABBITMQ_HOST: 'localhost' };
const cases: Case[] = [
  ['by address', right.port, trusting, 'reached'],
  ['by name', right.port, byName, 'reached'],
  ['a name only, by name', named.port, byName, 'reached'],
  ['a name only, by address', named.port, trusting, named.said.forOthers('localhost', '127.0.0.1')],
  ['another name that is meant', other.port, { ...trusting, MQ_TLS_SERVER_NAME: 'wrong.example' }, 'reached'],
  ['another address that is meant', other.port, { ...trusting, MQ_TLS_SERVER_NAME: '127.0.0.2' }, 'reached'],
  [
    'another name than the one that is meant',
    right.port,
    { ...trusting, MQ_TLS_SERVER_NAME: 'wrong.example' },
    `The certificate of RabbitMQ at 127.0.0.1:${right.port} is for localhost, 127.0.0.1, not for wrong.example: correct MQ_TLS_SERVER_NAME.`,
  ],
  [
    'for others, by address',
    other.port,
    trusting,
    other.said.forOthers('wrong.example, 127.0.0.2', '127.0.0.1'),
  ],
  [
    'for others, by name',
    other.port,
    byName,
    at('other', 'localhost').said.forOthers('wrong.example, 127.0.0.2', 'localhost'),
  ],
  ["the system's authorities", right.port, {}, right.said.untrusted],
  ['our authority beside others', right.port, { NODE_EXTRA_CA_CERTS: authority }, 'reached'],
  ['an authority that we do not know', at('foreign').port, trusting, at('foreign').said.untrusted],
  ['an authority of the same name', at('twin').port, trusting, at('twin').said.untrusted],
  [
    'trusted itself, but not its authority',
    at('foreign').port,
    { MQ_TLS_CA_FILE: servers.foreign.certificate },
    at('foreign').said.untrusted,
  ],
  ['for clients only', at('ofClient').port, trusting, at('ofClient').said.unfit],
  ['expired', at('expired').port, trusting, at('expired').said.expired],
  ['not yet valid', at('future').port, trusting, at('future').said.future],
  ['with our certificate', mutual.port, { ...trusting, ...showing('MQ', clients.right) }, 'reached'],
  ['without our certificate', mutual.port, trusting, mutual.said.wantsOurs],
  [
    'with a certificate that it does not know',
    mutual.port,
    { ...trusting, ...showing('MQ', clients.foreign) },
    mutual.said.refusesOurs,
  ],
  [
    'with one that has expired',
    mutual.port,
    { ...trusting, ...showing('MQ', clients.expired) },
    mutual.said.refusesOurs,
  ],
  [
    'TLS to a port without',
    plain,
    trusting,
    `RabbitMQ at 127.0.0.1:${plain} does not speak TLS on that port: correct the port in RABBITMQ_PORT or RABBITMQ_URL, or set MQ_USE_SSL=false if nobody can listen on the way.`,
  ],
  [
    'no TLS to a port with',
    right.port,
    { MQ_USE_SSL: 'false' },
    `RabbitMQ at 127.0.0.1:${right.port} speaks TLS on that port: set MQ_USE_SSL=true, or let RABBITMQ_URL begin with amqps://.`,
  ],
  [
    'no TLS to a port that wants our certificate',
    mutual.port,
    { MQ_USE_SSL: 'false' },
    `RabbitMQ at 127.0.0.1:${mutual.port} speaks TLS on that port: set MQ_USE_SSL=true, or let RABBITMQ_URL begin with amqps://.`,
  ],
];
t.test('a process says', async (t) => {
  for (const [what, port, overrides, expected] of cases)
    t.match(await toldOf.MQ(configOf(port, overrides)), expected, what);
});

t.test('a command says the same', async (t) => {
  const connecting = (overrides: NodeJS.ProcessEnv) =>
    onConnection(configOf(right.port, overrides).rabbitmq, 'test', async () => 'reached');
  t.equal(await connecting(trusting), 'reached');
  await t.rejects(connecting({}), { message: right.said.untrusted });
});

t.test('a broker that is only away is not said to be anything else', async (t) => {
  const server = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  for (const tls of ['true', 'false'])
    t.match(await toldOf.MQ(configOf(port, { MQ_USE_SSL: tls })), /ECONNRESET/);
});

t.test('an authority that is exchanged while we run', async (t) => {
  const file = join(t.testdir(), 'ca.pem');
  copyFileSync(authority, file);
  const { rabbitmq } = configOf(at('foreign').port, { MQ_TLS_CA_FILE: file });
  const told: string[] = [];
  const observer = {
    ...unobserved,
    serverLost: ({ reason }: { reason: string }) => told.push(reason),
    serverReached: () => told.push('reached'),
  };
  const connection = await openConnection(rabbitmq, observer, 'test', {
    setup: async () => {},
    lost: () => {},
  });
  t.teardown(() => connection.close());
  await until('it is refused', () => told.length > 0, 30_000);
  copyFileSync(foreignAuthority, file);
  await until('it is reached', () => told.length > 1, 30_000);
  t.strictSame(told, [at('foreign').said.untrusted, 'reached']);
});
