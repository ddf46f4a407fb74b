/** What URLs and look-alike variables ask for: understood, or refused. */
import { rootCertificates } from 'node:tls';
import t from 'tap';
import { loadConfig } from '../../process/config.ts';
import type { Tls } from '../../process/tls.ts';
import { DATABASE_URL, errorOf, load } from '../helpers/config.ts';

const [certificate = '', another = ''] = rootCertificates;

t.test('TLS that a URL asks for, and whom it trusts', async (t) => {
  const folder = t.testdir({ 'ca.pem': certificate, 'extra.pem': another, empty: '' });
  const [own, extra] = [`${folder}/ca.pem`, `${folder}/extra.pem`];
  const mysql = (query: string, env: NodeJS.ProcessEnv = {}) =>
    loadConfig({ DATABASE_URL: `${DATABASE_URL}?${query}`, ...env }).mysql;
  for (const query of [
    'ssl=true',
    'ssl-mode=REQUIRED',
    'ssl_mode=verify_ca',
    'sslMode=VERIFY_IDENTITY',
    'useSSL=True',
    'ssl_verify_cert=true',
    'ssl_verify_identity=1',
  ])
    t.ok(mysql(query).tls, query);
  t.ok(mysql('ssl=true', { DB_USE_SSL: 'true' }).tls);
  t.ok(load({ REDIS_URL: 'rediss://cache?ssl_cert_reqs=required' }).redis.tls);
  const env = { SSL_CERT_FILE: own, NODE_EXTRA_CA_CERTS: extra };
  t.notOk(load(env).redis.tls, 'without TLS there is nobody to trust');

  const trusts = ({ tls }: { tls: Tls | undefined }) => tls?.material().ca;
  t.strictSame(trusts(mysql(`ssl_ca=${own}`)), [certificate], 'no others');
  t.strictSame(trusts(mysql(`ssl_ca=${own}`, { NODE_EXTRA_CA_CERTS: extra })), [certificate, another]);
  t.strictSame(trusts(load({ REDIS_URL: `rediss://cache?ssl_ca_certs=${own}` }).redis), [certificate]);
  t.strictSame(trusts(mysql('ssl=true', env)), [certificate, another]);
  t.strictSame(trusts(load({ REDIS_URL: 'rediss://cache', ...env }).redis), [certificate, another]);
  t.strictSame(trusts(load({ MQ_USE_SSL: 'true', ...env }).rabbitmq), [certificate, another]);
  const system =
    trusts(mysql('ssl=true'))
      ?.join('')
      .match(/BEGIN CERTIFICATE/g) ?? [];
  t.ok(system.length > 50, "the system's");

  const file = (env: NodeJS.ProcessEnv) => errorOf({ DATABASE_URL, MQ_USE_SSL: '1', ...env }).message;
  t.match(file({ NODE_EXTRA_CA_CERTS: '/none.pem' }), /^NODE_EXTRA_CA_CERTS cannot be read: ENOENT.*\.$/);
  t.equal(
    file({ SSL_CERT_FILE: `${folder}/empty` }),
    `SSL_CERT_FILE must be a file of certificates in PEM format, ${folder}/empty has none in it.`,
  );
  t.match(file({ DATABASE_URL: `${DATABASE_URL}?ssl_ca=/none` }), /^ssl_ca in DATABASE_URL cannot be read/);
});

const behindMark = (url: string, name: string, end: string) => `The parameter ${name} of ${url} ${end}.`;
const always = 'must be true: the certificate and the name of a server are always checked';
const unknown = 'is not known here: take it out of the URL';
const refused: [env: NodeJS.ProcessEnv, sentence: string][] = [
  ...Object.entries({
    'ssl-mode=PREFERRED': [
      'ssl-mode',
      'must be VERIFY_IDENTITY or DISABLED (REQUIRED and VERIFY_CA check as much as the first)',
    ],
    'ssl=maybe': ['ssl', 'must be true or false'],
    'ssl=true&ssl_disabled=true': [
      'ssl_disabled',
      'contradicts another one: say only once whether to use TLS',
    ],
    'ssl_verify_cert=false': ['ssl_verify_cert', always],
    'ssl_check_hostname=False': ['ssl_check_hostname', always],
    'ssl_key=': ['ssl_key', 'must be the path of a file in PEM format'],
    'unix_socket=/run/mysqld.sock': [
      'unix_socket',
      'is not supported: MySQL is reached over TCP, write its host and port',
    ],
    'charset=latin1': ['charset', 'must be utf8mb4: all text is stored so'],
    'init_command=x': ['init_command', unknown],
    'constructor=x': ['constructor', unknown],
  }).map(([query, [name = '', end = '']]): [NodeJS.ProcessEnv, string] => [
    { DATABASE_URL: `${DATABASE_URL}?${query}` },
    behindMark('DATABASE_URL', name, end),
  ]),
  ...Object.entries({
    'redis://cache?db=x': ['db', 'must be a number'],
    'rediss://cache?ssl_cert_reqs=none': [
      'ssl_cert_reqs',
      'must be required: the certificate of a server is always checked, with ssl_ca_certs=/path/to/ca.pem against an authority of your own',
    ],
    'rediss://cache?ssl_check_hostname=false': ['ssl_check_hostname', always],
    'redis://cache?password=hunter2': [
      'password',
      'must stand before the host: write redis://user:password@host',
    ],
    'redis://cache?family=6': ['family', unknown],
  }).map(([REDIS_URL, [name = '', end = '']]): [NodeJS.ProcessEnv, string] => [
    { REDIS_URL },
    behindMark('REDIS_URL', name, end),
  ]),
  [
    { DATABASE_URL: `${DATABASE_URL}#x` },
    'The part behind # of DATABASE_URL has no meaning: take it out, or write # as %23.',
  ],
  [{ DATABASE_URL: `${DATABASE_URL}?hunter2!=1` }, `The part behind ? of DATABASE_URL ${unknown}.`],
  [
    { DATABASE_URL: `${DATABASE_URL}?ssl=true`, DB_USE_SSL: 'false' },
    'DB_USE_SSL is false, but DATABASE_URL asks for TLS: let them say the same.',
  ],
  [
    { DATABASE_URL: `${DATABASE_URL}?ssl=false`, DB_USE_SSL: 'yes' },
    'DB_USE_SSL is true, but DATABASE_URL asks for no TLS: let them say the same.',
  ],
  [
    { REDIS_URL: 'redis://cache?ssl_cert_reqs=required' },
    'REDIS_URL asks for TLS behind ?: let it begin with rediss:// instead of redis://.',
  ],
  [
    { REDIS_URL: 'rediss://cache?ssl=false' },
    'REDIS_URL begins with rediss://, but asks for no TLS behind ?: let them say the same.',
  ],
  [{ REDIS_URL: 'redis://cache/1?db=2' }, 'REDIS_URL names database 1 and ?db=2: let them say the same.'],
  [
    { REDIS_URL: 'redis://hunter2@cache' },
    'REDIS_URL names a user without a password: write redis://:password@host for a password alone.',
  ],
];
t.test('what a URL asks for in vain is refused', async (t) => {
  for (const [env, sentence] of refused) t.equal(errorOf({ DATABASE_URL, ...env }).message, sentence);
});

t.test('a variable that asks in vain for a server, a password or TLS is refused', async (t) => {
  const withoutMeaning: [env: NodeJS.ProcessEnv, right: string][] = [
    [{ RABBITMQ_URI: 'amqps://a:hunter2@mq' }, 'set RABBITMQ_URL'],
    [{ CLOUDAMQP_URL: 'amqps://a:hunter2@mq' }, 'set RABBITMQ_URL'],
    [{ CLOUDAMQP_URL: 'amqps://a:hunter2@mq', RABBITMQ_HOST: 'mq' }, 'MQ_USE_SSL=true'],
    [{ RABBITMQ_PASS: 'hunter2' }, 'RABBITMQ_PASSWORD'],
    [{ RABBITMQ_USERNAME: 'anna' }, 'RABBITMQ_USER'],
    [{ MQ_VHOST: 'shop' }, 'set RABBITMQ_VHOST'],
    [{ REDIS_HOST: 'cache' }, 'REDIS_URL=redis://host:6379/0'],
    [{ REDIS_PASS: 'hunter2', REDIS_URL: 'redis://cache' }, 'set REDIS_PASSWORD.'],
    [{ REDIS_PASS_FILE: 'hunter2' }, 'set REDIS_PASSWORD_FILE.'],
    [{ REDIS_USER: 'anna', REDIS_URL: 'redis://:pw@cache' }, 'set REDIS_USERNAME.'],
    [{ RABBITMQ_PASS_COMMAND: 'hunter2' }, 'set RABBITMQ_PASSWORD_COMMAND.'],
    [{ RABBITMQ_USE_SSL: 'true' }, 'MQ_USE_SSL=true'],
    [{ DB_SSL_CA: '/ca.pem' }, 'DB_TLS_CA_FILE'],
    [{ MYSQL_SSL_MODE: 'REQUIRED' }, 'DB_USE_SSL=true'],
    [{ REDIS_TLS_URL: 'rediss://:hunter2@cache' }, 'rediss:// in REDIS_URL'],
  ];
  const account: [env: NodeJS.ProcessEnv, right: string][] = [
    [{ DB_PASSWORD: 'hunter2', DB_HOST: 'db' }, 'set DB_PASS'],
    [{ DB_PASSWORD_FILE: 'hunter2', DB_HOST: 'db' }, 'set DB_PASS_FILE.'],
    [{ DB_PASSWORD_COMMAND: 'hunter2', DB_HOST: 'db' }, 'set DB_PASS_COMMAND.'],
    [{ DB_USERNAME: 'anna', DB_HOST: 'db' }, 'set DB_USER'],
    [{ SQLALCHEMY_DATABASE_URI: 'mysql://a:hunter2@db/shop' }, 'set DATABASE_URL'],
  ];
  for (const [env, right] of [
    ...account,
    ...withoutMeaning.map(([env, right]) => [{ ...env, DATABASE_URL }, right] as const),
  ]) {
    const { message } = errorOf(env);
    const [name = ''] = Object.keys(env);
    t.ok(message.startsWith(`${name} has no meaning here: `) && message.includes(right), message);
    t.notMatch(message, 'hunter2');
  }
});
