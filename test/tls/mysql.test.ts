/** MySQL over TLS: whose certificate is accepted, and what is said of each other. */
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { openDatabase } from '../../db/client.ts';
import { blameOf, reasonOf } from '../../db/errors.ts';
import { migrateDatabase } from '../../db/migrate.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { startOwnMysql } from '../helpers/mysql.ts';
import { makeCertificates, type ServerCertificate, sentences, showing, toldOf } from '../helpers/tls.ts';

const folder = t.testdir();
const file = (name: string) => join(folder, name);
const { authority, foreignAuthority, servers, clients } = makeCertificates(file('certificates'));

const copy = (name: ServerCertificate) => {
  copyFileSync(servers[name].certificate, file('shown.pem'));
  copyFileSync(servers[name].key, file('shown.key'));
};
copy('right');
const server = await startOwnMysql(t, [
  `--ssl-ca=${authority}`,
  `--ssl-cert=${file('shown.pem')}`,
  `--ssl-key=${file('shown.key')}`,
]);
const show = async (name: ServerCertificate) => {
  copy(name);
  await server.rows('FLUSH SSL');
};
const configOf = (overrides: NodeJS.ProcessEnv) =>
  loadConfig({ ...server.env, DB_USE_SSL: 'true', ...overrides });
await migrateDatabase(configOf({ DB_USE_SSL: 'false' }).mysql, { waitMs: 10_000 });

const place = `MySQL at 127.0.0.1:${server.env.DB_PORT}`;
const said = sentences('DB', place);
const trusting = { DB_TLS_CA_FILE: authority };
const byName = { ...trusting, DB_HOST: 'localhost' };
const unknownOfRds = (host: string) =>
  `${said.untrusted.slice(0, -1)} (for RDS, https://${host}/global/global-bundle.pem has all of them).`;
type Case = [what: string, env: NodeJS.ProcessEnv, expected: string | RegExp];
const expect = async (t: Pick<typeof import('tap').t, 'match'>, cases: Case[]) => {
  for (const [what, env, expected] of cases) t.match(await toldOf.DB(configOf(env)), expected, what);
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
        [
          'our authority beside those for RDS',
          { DB_TLS_RDS: 'true', NODE_EXTRA_CA_CERTS: authority },
          'reached',
        ],
        ['our authority and those for RDS', { ...trusting, DB_TLS_RDS: 'true' }, 'reached'],
        ['only those for RDS', { DB_TLS_RDS: 'true' }, unknownOfRds('truststore.pki.rds.amazonaws.com')],
        [
          'only those for RDS, in China',
          { DB_TLS_SERVER_NAME: 'orders.abc123.rds.cn-north-1.amazonaws.com.cn' },
          unknownOfRds('rds-truststore.s3.cn-north-1.amazonaws.com.cn'),
        ],
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
        ['for others, by address', trusting, said.forOthers('wrong.example, 127.0.0.2', '127.0.0.1')],
        [
          'for others, by name',
          byName,
          said.forOthers('wrong.example, 127.0.0.2', 'localhost').replace('at 127.0.0.1', 'at localhost'),
        ],
        ['a name that is meant', { ...trusting, DB_TLS_SERVER_NAME: 'wrong.example' }, 'reached'],
        ['an address that is meant', { ...trusting, DB_TLS_SERVER_NAME: '127.0.0.2' }, 'reached'],
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
});

t.test('accounts that need a certificate, or TLS', async (t) => {
  t.teardown(() => server.rows(`ALTER USER ${server.account} REQUIRE NONE`));
  await show('right');
  await server.rows(`ALTER USER ${server.account} REQUIRE X509`);
  const denied = (hint: string) =>
    `Access denied for user 'service'@'127.0.0.1' (using password: YES); ${hint}`;
  await expect(t, [
    ['with it', { ...trusting, ...showing('DB', clients.right) }, 'reached'],
    [
      'without it',
      trusting,
      denied('if the account needs a certificate, set DB_TLS_CERT_FILE and DB_TLS_KEY_FILE'),
    ],
    ['one that it does not know', { ...trusting, ...showing('DB', clients.foreign) }, said.refusesOurs],
    ['one that has expired', { ...trusting, ...showing('DB', clients.expired) }, said.refusesOurs],
  ]);
  await server.rows(`ALTER USER ${server.account} REQUIRE SSL`);
  await expect(t, [
    ['over TLS', trusting, 'reached'],
    [
      'without TLS',
      { DB_USE_SSL: 'false' },
      denied('if the account or MySQL needs TLS, set DB_USE_SSL=true'),
    ],
  ]);
});

t.test('a migration gives up at once', async (t) => {
  await show('expired');
  const failed = (): Promise<never> => t.fail('it succeeded') as never;
  const error = await migrateDatabase(configOf(trusting).mysql, { waitMs: 600_000 }).then(
    failed,
    (error) => error,
  );
  t.equal(reasonOf(error), said.expired);
  t.equal(blameOf(error), 'server', 'a job is not to blame for it');
});

t.test('an authority that is exchanged while we run', async (t) => {
  await show('right');
  copyFileSync(authority, file('ca.pem'));
  const { mysql } = configOf({ ...byName, DB_TLS_CA_FILE: file('ca.pem') });
  const database = openDatabase(mysql, unobserved, { connections: 1 });
  t.teardown(() => database.close());
  const answers = () => database.ping().then(() => 'yes', reasonOf);
  t.equal(await answers(), 'yes');
  await show('foreign');
  await server.rows('KILL USER service');
  await answers();
  t.match(await answers(), /is not signed by an authority that is trusted here/);
  copyFileSync(foreignAuthority, file('ca.pem'));
  t.equal(await answers(), 'yes');
});

t.test('a connection that is lost during the handshake', async (t) => {
  for (const end of [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.end()]) {
    let packets = 0;
    // It passes on what MySQL says, but not what TLS begins with.
    const proxy = createServer((client) => {
      const target = connect(Number(server.env.DB_PORT), '127.0.0.1');
      target.pipe(client);
      client.on('data', () => ++packets === 1 && end(client));
      for (const socket of [client, target]) socket.on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    t.teardown(() => proxy.close());
    const address = proxy.address();
    const DB_PORT = String(typeof address === 'object' && address?.port);
    t.match(
      await toldOf.DB(configOf({ ...trusting, DB_PORT })),
      /^(read ECONNRESET|Client network socket disconnected)/,
    );
  }
});

t.test('a server without TLS', async (t) => {
  const plain = await startOwnMysql(t, ['--skip-ssl']);
  const at = plain.env.DB_PORT;
  t.equal(
    await toldOf.DB(configOf({ ...plain.env, ...trusting })),
    `MySQL at 127.0.0.1:${at} does not speak TLS on that port: correct the port in DB_PORT or DATABASE_URL, or set DB_USE_SSL=false if nobody can listen on the way.`,
  );
});
