/** Files of certificates and keys: what is wrong with them is said at the start, and what changes is read again. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import t from 'tap';
import { loadConfig } from '../../process/config.ts';
import { createAuthority } from '../../testbed/certificates.ts';
import { DATABASE_URL, errorOf, load } from '../helpers/config.ts';

const folder = t.testdir();
const file = (name: string) => join(folder, name);
const authority = createAuthority(file('ours'));
const own = authority.certify('client');
const other = authority.certify('other');
const [public1 = '', public2 = ''] = rootCertificates;
writeFileSync(file('extra.pem'), public1);
writeFileSync(file('system.pem'), public2);
const both = readFileSync(own.certificate, 'utf8') + readFileSync(own.key, 'utf8');
writeFileSync(file('both.pem'), both);
writeFileSync(file('garbage.pem'), 'no certificate\n');
writeFileSync(file('damaged.pem'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');
writeFileSync(file('damaged.key'), '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n');
execFileSync('openssl', [
  'pkey',
  '-in',
  own.key,
  '-aes128',
  '-passout',
  'pass:x',
  '-out',
  file('encrypted.key'),
]);

/** How TLS to each server is switched on, and what is read then. */
const servers = {
  DB: { on: { DB_USE_SSL: 'true' }, switchOn: 'set DB_USE_SSL=true' },
  REDIS: { on: { REDIS_URL: 'rediss://cache' }, switchOn: 'let REDIS_URL begin with rediss://' },
  MQ: { on: { MQ_USE_SSL: 'true' }, switchOn: 'set MQ_USE_SSL=true' },
};
const prefixes = ['DB', 'REDIS', 'MQ'] as const;
type Prefix = (typeof prefixes)[number];
const tlsOf = (prefix: Prefix, env: NodeJS.ProcessEnv) => {
  const { mysql, redis, rabbitmq } = load({ ...servers[prefix].on, ...env });
  const { tls } = { DB: mysql, REDIS: redis, MQ: rabbitmq }[prefix];
  if (!tls) throw new Error('There is no TLS.');
  return tls;
};
const sentence = (prefix: Prefix, env: NodeJS.ProcessEnv) =>
  errorOf({ DATABASE_URL, ...servers[prefix].on, ...env }).message;

for (const prefix of prefixes) {
  const name = (part: string) => `${prefix}_TLS_${part}`;
  const [CA, CERT, KEY] = [name('CA_FILE'), name('CERT_FILE'), name('KEY_FILE')];

  t.test(`${prefix}: what is read`, async (t) => {
    const read = (env: NodeJS.ProcessEnv) => tlsOf(prefix, { SSL_CERT_FILE: file('system.pem'), ...env });
    const NODE_EXTRA_CA_CERTS = file('extra.pem');
    t.strictSame(read({}).material(), { ca: [public2], cert: undefined, key: undefined });
    t.strictSame(read({ NODE_EXTRA_CA_CERTS }).material().ca, [public2, public1]);
    const ours = readFileSync(authority.file, 'utf8');
    t.strictSame(read({ [CA]: authority.file }).material().ca, [ours], "not the system's");
    t.strictSame(read({ [CA]: authority.file, NODE_EXTRA_CA_CERTS }).material().ca, [ours, public1]);
    const pair = read({ [CERT]: own.certificate, [KEY]: own.key });
    t.equal(pair.hasCertificate, true);
    t.match(pair.material(), {
      cert: readFileSync(own.certificate, 'utf8'),
      key: readFileSync(own.key, 'utf8'),
    });
    t.match(read({ [CERT]: file('both.pem') }).material(), { cert: both, key: both }, 'both in one file');
    t.equal(read({ [name('SERVER_NAME')]: 'db.example' }).serverName, 'db.example');
  });

  t.test(`${prefix}: what is refused`, async (t) => {
    const pair = (certificate: string, key: string) => ({ [CERT]: file(certificate), [KEY]: file(key) });
    const none = (setting: string, name: string) =>
      `${setting} must be a file of certificates in PEM format, ${file(name)} has none in it.`;
    const noKey = (name: string) =>
      `${KEY} must be a file with a private key in PEM format, ${file(name)} has none in it.`;
    const table: [env: NodeJS.ProcessEnv, sentence: string][] = [
      [
        { [CA]: file('none') },
        `${CA} cannot be read: ENOENT: no such file or directory, open '${file('none')}'.`,
      ],
      [{ [CA]: folder }, `${CA} cannot be read: EISDIR: illegal operation on a directory, read.`],
      [{ [CA]: file('garbage.pem') }, none(CA, 'garbage.pem')],
      [{ [CA]: own.key }, none(CA, 'ours/client.key')],
      [
        { [CA]: file('damaged.pem') },
        `${CA} names ${file('damaged.pem')}, whose certificate number 1 is damaged.`,
      ],
      [{ NODE_EXTRA_CA_CERTS: file('garbage.pem') }, none('NODE_EXTRA_CA_CERTS', 'garbage.pem')],
      [
        { [CERT]: own.certificate },
        `There is no key in ${own.certificate}, which ${CERT} names: let ${KEY} name the file that has it.`,
      ],
      [{ [KEY]: own.key }, `${KEY} is set without a certificate: set ${CERT} too.`],
      [pair('garbage.pem', 'ours/client.key'), none(CERT, 'garbage.pem')],
      [pair('ours/client.pem', 'garbage.pem'), noKey('garbage.pem')],
      [
        pair('ours/client.pem', 'ours/client.pem'),
        `There is no key in ${own.certificate}, which ${CERT} names: let ${KEY} name the file that has it.`,
      ],
      [pair('ours/client.pem', 'damaged.key'), `${KEY} names ${file('damaged.key')}, whose key is damaged.`],
      [
        pair('ours/client.pem', 'encrypted.key'),
        `${KEY} names ${file('encrypted.key')}, whose key is encrypted: write it without a passphrase, with openssl pkey.`,
      ],
      [
        pair('ours/client.pem', 'ours/other.key'),
        `The key in ${other.key} does not fit the certificate in ${own.certificate}: ${KEY} and ${CERT} must be a pair.`,
      ],
    ];
    for (const [env, expected] of table) t.equal(sentence(prefix, env), expected);
    for (const setting of [CA, CERT, KEY, name('SERVER_NAME')]) {
      const { message } = errorOf({ DATABASE_URL, [setting]: 'x' });
      t.equal(message, `${setting} has no meaning without TLS: ${servers[prefix].switchOn}.`);
    }
  });
}

t.test('what URLs name', async (t) => {
  const pair = (names: [string, string, string]) =>
    `${names[0]}=${authority.file}&${names[1]}=${own.certificate}&${names[2]}=${own.key}`;
  const mysql = loadConfig({
    DATABASE_URL: `${DATABASE_URL}?${pair(['ssl_ca', 'ssl_cert', 'ssl-key'])}`,
  }).mysql;
  const { redis } = load({
    REDIS_URL: `rediss://cache?${pair(['ssl_ca_certs', 'ssl_certfile', 'ssl_keyfile'])}`,
  });
  for (const { tls } of [mysql, redis])
    t.match(tls?.material(), {
      ca: [readFileSync(authority.file, 'utf8')],
      cert: readFileSync(own.certificate, 'utf8'),
      key: readFileSync(own.key, 'utf8'),
    });
  t.equal(
    errorOf({ DATABASE_URL: `${DATABASE_URL}?ssl_ca=/x`, DB_TLS_CA_FILE: '/x' }).message,
    'DB_TLS_CA_FILE and ssl_ca in DATABASE_URL both name a file: let only one of them do so.',
  );
});

t.test("Amazon's authorities for RDS", async (t) => {
  const trustsRds = (DB_HOST: string, more = {}) => {
    const { tls } = loadConfig({
      DB_HOST,
      DB_USER: 'a',
      DB_PASS: 'b',
      DB_NAME: 'c',
      DB_USE_SSL: '1',
      ...more,
    }).mysql;
    return tls?.trustsRds;
  };
  for (const host of [
    'orders.abc123.eu-west-1.rds.amazonaws.com',
    'orders.cluster-abc123.us-east-1.rds.amazonaws.com',
    'Orders.ABC123.EU-WEST-1.RDS.AMAZONAWS.COM.',
    'orders.abc123.cn-north-1.rds.amazonaws.com.cn',
    'orders.abc123.rds.cn-north-1.amazonaws.com.cn',
    'orders.abc123.rds.us-gov-west-1.amazonaws.com',
  ])
    t.equal(trustsRds(host), true, host);
  for (const host of ['db.example', 'rds.amazonaws.com.example', 'db.notrds.amazonaws.com', '127.0.0.1'])
    t.equal(trustsRds(host), false, host);
  t.equal(trustsRds('db.example', { DB_TLS_RDS: 'true' }), true, 'by option');
  t.equal(trustsRds('127.0.0.1', { DB_TLS_SERVER_NAME: 'orders.abc123.eu-west-1.rds.amazonaws.com' }), true);
  t.equal(
    errorOf({ DATABASE_URL, DB_TLS_RDS: '1' }).message,
    'DB_TLS_RDS has no meaning without TLS: set DB_USE_SSL=true.',
  );
});

t.test('what has changed is read again', async (t) => {
  const [certificate, key] = [file('shown.pem'), file('shown.key')];
  copyFileSync(own.certificate, certificate);
  copyFileSync(own.key, key);
  symlinkSync(authority.file, file('link.pem'));
  const tls = tlsOf('MQ', {
    MQ_TLS_CERT_FILE: certificate,
    MQ_TLS_KEY_FILE: key,
    MQ_TLS_CA_FILE: file('link.pem'),
  });
  const first = tls.material();
  const context = tls.context();
  t.equal(tls.material(), first, 'as long as nothing changes it is not read');
  t.equal(tls.context(), context);

  copyFileSync(other.certificate, certificate);
  t.equal(tls.material(), first, 'a certificate without its key is not used');
  t.equal(tls.context(), context);
  t.match(
    tls.problem(),
    /does not fit the certificate.*MQ_TLS_KEY_FILE and MQ_TLS_CERT_FILE must be a pair\.$/,
  );
  copyFileSync(other.key, key);
  t.match(tls.material(), {
    cert: readFileSync(other.certificate, 'utf8'),
    key: readFileSync(other.key, 'utf8'),
  });
  t.not(tls.context(), context);
  t.equal(tls.problem(), undefined);

  symlinkSync(file('extra.pem'), file('new-link.pem'));
  renameSync(file('new-link.pem'), file('link.pem'));
  t.strictSame(tls.material().ca, [public1], 'a link that leads to another file');
  unlinkSync(file('link.pem'));
  t.strictSame(tls.material().ca, [public1]);
  t.match(tls.problem(), /^MQ_TLS_CA_FILE cannot be read/);
});
