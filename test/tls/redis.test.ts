/** Redis over TLS: whose certificate is accepted, and what is said of each other. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import t from 'tap';
import { openLink } from '../../cache/link.ts';
import { reachRedis } from '../../cache/reach.ts';
import { freePort } from '../../ops/ports.ts';
import { startRedis, stopServer } from '../../ops/private-servers.ts';
import { unobserved } from '../../process/log-events.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { until } from '../../testbed/until.ts';
import { load } from '../helpers/config.ts';
import { makeCertificates, type ServerCertificate, sentences, showing, toldOf } from '../helpers/tls.ts';

const { authority, foreignAuthority, servers, clients } = makeCertificates(join(t.testdir(), 'certificates'));
const [plain, port] = [await freePort(), await freePort()];
await startRedis({ folder: scratchFolder(t, stopServer), port: plain });
const admin = new Redis({ port: plain });
t.teardown(() => admin.disconnect());

const set = (...settings: (string | number)[]) => admin.call('CONFIG', 'SET', ...settings);
const show = (name: ServerCertificate) =>
  set('tls-cert-file', servers[name].certificate, 'tls-key-file', servers[name].key);
await set('tls-ca-cert-file', authority, 'tls-auth-clients', 'no');
await show('right');
await set('tls-port', port);

const trusting = { REDIS_TLS_CA_FILE: authority };
const said = sentences('REDIS', `Redis at 127.0.0.1:${port}`);
const byName = { REDIS_URL: `rediss://localhost:${port}/0`, ...trusting };
type Case = [what: string, env: NodeJS.ProcessEnv, expected: string | RegExp];
const told = (env: NodeJS.ProcessEnv) =>
  toldOf.REDIS(load({ REDIS_URL: `rediss://127.0.0.1:${port}/0`, ...env }));
const expect = async (t: Pick<typeof import('tap').t, 'match'>, cases: Case[]) => {
  for (const [what, env, expected] of cases) t.match(await told(env), expected, what);
};

t.test('certificates of the server', async (t) => {
  const shown: [ServerCertificate, Case[]][] = [
    [
      'right',
      [
        ['by address', trusting, 'reached'],
        ['by name', byName, 'reached'],
        ["the system's authorities", {}, said.untrusted],
        ['our authority beside others', { NODE_EXTRA_CA_CERTS: authority }, 'reached'],
      ],
    ],
    [
      'named',
      [
        ['a name only, by name', byName, 'reached'],
        ['a name only, by address', trusting, said.forOthers('localhost', '127.0.0.1')],
      ],
    ],
    [
      'other',
      [
        ['for others', trusting, said.forOthers('wrong.example, 127.0.0.2', '127.0.0.1')],
        ['a name that is meant', { ...trusting, REDIS_TLS_SERVER_NAME: 'wrong.example' }, 'reached'],
        ['an address that is meant', { ...trusting, REDIS_TLS_SERVER_NAME: '127.0.0.2' }, 'reached'],
      ],
    ],
    ['expired', [['expired', trusting, said.expired]]],
    ['future', [['not yet valid', trusting, said.future]]],
    ['foreign', [['an authority that we do not know', trusting, said.untrusted]]],
    ['ofClient', [['for clients only', trusting, said.unfit]]],
    ['twin', [['an authority of the same name', trusting, said.untrusted]]],
  ];
  for (const [name, cases] of shown) {
    await show(name);
    await expect(t, cases);
  }
  await show('right');
});

t.test('our certificate', async (t) => {
  t.teardown(() => set('tls-auth-clients', 'no', 'tls-protocols', ''));
  await set('tls-auth-clients', 'yes');
  for (const versions of ['TLSv1.3', 'TLSv1.2']) {
    await set('tls-protocols', versions);
    await expect(t, [
      [`with it, ${versions}`, { ...trusting, ...showing('REDIS', clients.right) }, 'reached'],
      [`without it, ${versions}`, trusting, said.wantsOurs],
      [
        `one that it does not know, ${versions}`,
        { ...trusting, ...showing('REDIS', clients.foreign) },
        said.refusesOurs,
      ],
      [
        `one that has expired, ${versions}`,
        { ...trusting, ...showing('REDIS', clients.expired) },
        said.refusesOurs,
      ],
    ]);
  }
  await set('tls-protocols', 'TLSv1.1');
  await expect(t, [
    [
      'TLS 1.1',
      trusting,
      `Redis at 127.0.0.1:${port} speaks only versions of TLS that are not safe any more: let it speak TLS 1.2 or 1.3.`,
    ],
  ]);
});

t.test('TLS on one side only', (t) =>
  expect(t, [
    [
      'to a port without',
      { REDIS_URL: `rediss://127.0.0.1:${plain}/0`, ...trusting },
      `Redis at 127.0.0.1:${plain} does not speak TLS on that port: correct the port in REDIS_URL, or let it begin with redis:// if nobody can listen on the way.`,
    ],
    [
      'from a client without',
      { REDIS_URL: `redis://127.0.0.1:${port}/0` },
      `Redis at 127.0.0.1:${port} speaks TLS on that port: let REDIS_URL begin with rediss://.`,
    ],
  ]),
);

t.test('NODE_TLS_REJECT_UNAUTHORIZED does not switch the check off', async (t) => {
  t.teardown(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  t.equal(await told({}), said.untrusted);
});

t.test('connecting once', async (t) => {
  const reach = (env: NodeJS.ProcessEnv) => reachRedis(load({ ...byName, ...env }).redis);
  await t.resolves(reach({}));
  await t.rejects(reach({ REDIS_TLS_CA_FILE: foreignAuthority }), {
    message: said.untrusted.replace('127.0.0.1', 'localhost'),
  });
  t.teardown(() => set('requirepass', ''));
  await set('requirepass', 'secret');
  await t.resolves(reach({}), 'a Redis that does not let us in is there');
});

t.test('an address makes no warning', async (t) => {
  const warnings: string[] = [];
  const note = ({ message }: Error) => warnings.push(message);
  process.on('warning', note);
  t.teardown(() => process.off('warning', note));
  t.equal(await told(trusting), 'reached');
  t.strictSame(warnings, []);
});

t.test('an authority that is exchanged while we run', async (t) => {
  const file = join(t.testdir(), 'ca.pem');
  copyFileSync(authority, file);
  const reasons: string[] = [];
  const observer = { ...unobserved, serverLost: ({ reason }: { reason: string }) => reasons.push(reason) };
  const link = openLink(load({ ...byName, REDIS_TLS_CA_FILE: file }), { observer });
  t.teardown(() => link.close());
  const serves = () => link.attempt(async () => true, false);
  await until('Redis is reached', serves, 30_000);
  await show('foreign');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until('Redis is not reached any more', async () => !(await serves()), 30_000);
  writeFileSync(file, 'half a file');
  const stale = `The files were changed and are not used: REDIS_TLS_CA_FILE must be a file of certificates in PEM format, ${file} has none in it.`;
  await until(
    'it is said that the new file is of no use',
    () => reasons.some((one) => one.endsWith(stale)),
    30_000,
  );
  copyFileSync(foreignAuthority, file);
  await until('Redis is reached again', serves, 30_000);
});
