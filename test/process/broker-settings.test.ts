/** Where RabbitMQ is: several hosts, virtual hosts, and URLs as people write them. */
import t from 'tap';
import { besideBroker } from '../../process/broker-settings.ts';
import { addresses } from '../../process/config.ts';
import { DATABASE_URL, errorOf, load } from '../helpers/config.ts';

const node = (hostname: string, port = 5672) => ({ hostname, port });
const DEFAULTS = {
  protocol: 'amqp',
  hosts: [node('localhost')],
  username: 'guest',
  password: 'guest',
  vhost: '/',
} as const;

const good: [env: NodeJS.ProcessEnv, expected: object][] = [
  [{}, {}],
  [{ RABBITMQ_HOST: 'a,b:5673, c' }, { hosts: [node('a'), node('b', 5673), node('c')] }],
  [{ RABBITMQ_HOST: 'a,b:5673', RABBITMQ_PORT: '1' }, { hosts: [node('a', 1), node('b', 5673)] }],
  [
    { RABBITMQ_HOST: 'a,b', MQ_USE_SSL: 'true' },
    { protocol: 'amqps', hosts: [node('a', 5671), node('b', 5671)] },
  ],
  [{ RABBITMQ_HOST: '::1' }, { hosts: [node('::1')] }],
  [
    { RABBITMQ_HOST: '[::1]:1,[::2],10.0.0.1:2' },
    { hosts: [node('::1', 1), node('::2'), node('10.0.0.1', 2)] },
  ],
  [{ RABBITMQ_VHOST: 'shop' }, { vhost: 'shop' }],
  [{ RABBITMQ_URL: 'amqp://mq' }, { hosts: [node('mq')] }],
  [{ RABBITMQ_URL: ' AMQP://mq/ ' }, { hosts: [node('mq')] }],
  [{ RABBITMQ_URL: 'amqps://mq' }, { protocol: 'amqps', hosts: [node('mq', 5671)] }],
  [
    { RABBITMQ_URL: 'amqp://an%6Ea:p%40%2F%25%3A%2C@mq:5673/my%20shop%2F1' },
    { username: 'anna', password: 'p@/%:,', hosts: [node('mq', 5673)], vhost: 'my shop/1' },
  ],
  [{ RABBITMQ_URL: 'amqp://anna:a:b,c@mq' }, { username: 'anna', password: 'a:b,c', hosts: [node('mq')] }],
  [{ RABBITMQ_URL: 'amqp://mq/%2F' }, { hosts: [node('mq')] }],
  [{ RABBITMQ_URL: 'amqp://mq/%2f' }, { hosts: [node('mq')] }],
  [{ RABBITMQ_URL: 'amqp://mq//' }, { hosts: [node('mq')] }],
  [{ RABBITMQ_URL: 'amqp://[::1]:5673/shop' }, { hosts: [node('::1', 5673)], vhost: 'shop' }],
  [
    { RABBITMQ_URL: 'amqp://anna:pw@a,b:5673,c/shop' },
    { username: 'anna', password: 'pw', hosts: [node('a'), node('b', 5673), node('c')], vhost: 'shop' },
  ],
  [
    { RABBITMQ_URL: 'amqp://anna:pw@a:1,anna:pw@b:2/shop' },
    { username: 'anna', password: 'pw', hosts: [node('a', 1), node('b', 2)], vhost: 'shop' },
  ],
  [
    { RABBITMQ_URL: 'amqp://anna:pw@a:1/shop,amqp://anna:pw@b/shop' },
    { username: 'anna', password: 'pw', hosts: [node('a', 1), node('b')], vhost: 'shop' },
  ],
  [
    { RABBITMQ_URL: 'amqp://anna:pw@a;amqp://b:2/shop?heartbeat=30' },
    { username: 'anna', password: 'pw', hosts: [node('a'), node('b', 2)], vhost: 'shop' },
  ],
  // What a URL leaves out is taken from the others.
  [
    {
      RABBITMQ_URL: 'amqp://mq',
      RABBITMQ_PORT: '7',
      RABBITMQ_USER: 'anna',
      RABBITMQ_PASSWORD: 'pw',
      RABBITMQ_VHOST: 'shop',
    },
    { hosts: [node('mq', 7)], username: 'anna', password: 'pw', vhost: 'shop' },
  ],
  // What says the same twice contradicts nothing.
  [
    {
      RABBITMQ_URL: 'amqps://anna:p%20w@MQ.example:5671/%2f',
      RABBITMQ_HOST: 'mq.example',
      RABBITMQ_PORT: '5671',
      RABBITMQ_USER: 'anna',
      RABBITMQ_PASSWORD: 'p w',
      RABBITMQ_VHOST: '/',
      MQ_USE_SSL: 'yes',
    },
    { protocol: 'amqps', hosts: [node('MQ.example', 5671)], username: 'anna', password: 'p w' },
  ],
];
t.test('what is understood', async (t) => {
  for (const [env, expected] of good) {
    const { protocol, hosts, username, password, vhost } = load(env).rabbitmq;
    t.strictSame(
      { protocol, hosts, username, password, vhost },
      { ...DEFAULTS, ...expected },
      JSON.stringify(env),
    );
  }
});

const noHost =
  'RABBITMQ_HOST must be host names or IP addresses, separated by commas, each with or without :port (a URL belongs into RABBITMQ_URL), got a value that is not shown.';
const noUrl =
  'RABBITMQ_URL must be a valid URL such as amqp://user:password@host:5672/vhost, with %XX for special characters; its value is not shown.';
const noAmqp =
  'RABBITMQ_URL must be a URL such as amqp://user:password@host:5672/vhost, or amqps:// for TLS, got a value that is not shown.';
const several = (what: string) =>
  `RABBITMQ_URL names several ${what}: its servers must be nodes of one cluster, with the same user, password, virtual host and TLS.`;
const beside = (name: string, what: string) =>
  `${name} and RABBITMQ_URL ${what}: take one of the two out, or let them say the same.`;

const bad: [env: NodeJS.ProcessEnv, sentence: string][] = [
  ...[
    'amqp://anna:hunter2@mq',
    'anna:hunter2@mq',
    'a,,b',
    'a,',
    ',',
    'a b',
    'a:0',
    'a:65536',
    'a:x',
    'a:',
    '[::1',
    '[a]',
    '::1:x',
    'a/shop',
  ].map((RABBITMQ_HOST): [NodeJS.ProcessEnv, string] => [{ RABBITMQ_HOST }, noHost]),
  ...[
    'amqp://',
    'amqp:///shop',
    'amqp://anna:hunter2@',
    'amqp://anna:hun/ter2@mq',
    'amqp://anna:12/hunter2@mq/shop',
    'amqp://anna:hun?ter2@mq',
    'amqp://anna:hunter2%@mq',
    'amqp://mq:0',
    'amqp://mq:65536',
    'amqp://mq:x',
    'amqp://a,,b',
    'amqp://a b',
    'amqp://a/%zz',
    'amqp://a,http://b',
  ].map((RABBITMQ_URL): [NodeJS.ProcessEnv, string] => [{ RABBITMQ_URL }, noUrl]),
  [{ RABBITMQ_URL: 'http://anna:hunter2@mq' }, noAmqp],
  [{ RABBITMQ_URL: 'mq' }, noAmqp],
  [{ RABBITMQ_URL: 'amqp://a:hunter2@x,amqp://b:hunter2@y' }, several('accounts')],
  [{ RABBITMQ_URL: 'amqp://a:hunter2@x,a:hunter3@y' }, several('accounts')],
  [{ RABBITMQ_URL: 'amqp://x,amqps://y' }, several('schemes')],
  [{ RABBITMQ_URL: 'amqp://x/a,amqp://y/b' }, several('virtual hosts')],
  [
    { RABBITMQ_URL: 'amqp://x', MQ_USE_SSL: 'true' },
    'MQ_USE_SSL is true, but RABBITMQ_URL begins with amqp://: let them say the same.',
  ],
  [
    { RABBITMQ_URL: 'amqps://x', MQ_USE_SSL: 'no' },
    'MQ_USE_SSL is false, but RABBITMQ_URL begins with amqps://: let them say the same.',
  ],
  [{ RABBITMQ_URL: 'amqp://x', RABBITMQ_HOST: 'y' }, beside('RABBITMQ_HOST', 'name different servers')],
  [{ RABBITMQ_URL: 'amqp://x,y', RABBITMQ_HOST: 'x' }, beside('RABBITMQ_HOST', 'name different servers')],
  [{ RABBITMQ_URL: 'amqp://x', RABBITMQ_HOST: 'x,' }, noHost],
  [{ RABBITMQ_URL: 'amqp://x:1', RABBITMQ_PORT: '2' }, beside('RABBITMQ_PORT', 'name different ports')],
  [{ RABBITMQ_URL: 'amqp://a@x', RABBITMQ_USER: 'b' }, beside('RABBITMQ_USER', 'name different users')],
  [
    { RABBITMQ_URL: 'amqp://a:hunter2@x', RABBITMQ_PASSWORD: 'hunter3' },
    beside('RABBITMQ_PASSWORD', 'have different passwords'),
  ],
  [
    { RABBITMQ_URL: 'amqp://x/a', RABBITMQ_VHOST: 'b' },
    beside('RABBITMQ_VHOST', 'name different virtual hosts'),
  ],
  [
    { RABBITMQ_URL: 'amqp://x?ssl=true' },
    'RABBITMQ_URL asks for TLS behind ?: let it begin with amqps:// instead of amqp://.',
  ],
  [
    { RABBITMQ_URL: 'amqps://x?ssl=false' },
    'RABBITMQ_URL begins with amqps://, but asks for no TLS behind ?: let them say the same.',
  ],
  [
    { RABBITMQ_URL: 'amqps://x?verify=verify_none' },
    'The parameter verify of RABBITMQ_URL must be verify_peer: the certificate and the name of a server are always checked.',
  ],
  [
    { RABBITMQ_URL: 'amqp://x?hunter2=1' },
    'The parameter hunter2 of RABBITMQ_URL is not known here: take it out of the URL.',
  ],
  [
    { RABBITMQ_URL: 'amqp://x#hunter2' },
    'The part behind # of RABBITMQ_URL has no meaning: take it out, or write # as %23.',
  ],
];
t.test('what is refused', async (t) => {
  for (const [env, sentence] of bad)
    t.equal(errorOf({ DATABASE_URL, ...env }).message, sentence, JSON.stringify(env));
});

t.test('parameters of other clients are named', async (t) => {
  t.strictSame(load({ RABBITMQ_URL: 'amqp://x?heartbeat=60&connection_attempts=3' }).ignored, [
    'heartbeat in RABBITMQ_URL',
    'connection_attempts in RABBITMQ_URL',
  ]);
});

t.test('the log names hosts and the virtual host, and no secret', async (t) => {
  t.equal(
    addresses(load({ RABBITMQ_URL: 'amqp://anna:hunter2@a:1,[::1]/shop' })).rabbitmq,
    'a:1,[::1]:5672/shop/order_write_jobs',
  );
});

t.test('what the environment says of the broker counts, whatever the names in .env', async (t) => {
  const dotenv = { RABBITMQ_HOST: 'x', RABBITMQ_PORT: '1', MQ_USE_SSL: 'false', PORT: '8080' };
  t.strictSame(besideBroker(dotenv, { RABBITMQ_URL: 'amqps://y' }), { PORT: '8080' });
  t.strictSame(besideBroker({ RABBITMQ_URL: 'amqps://y', PORT: '1' }, { RABBITMQ_HOST: 'x' }), { PORT: '1' });
  t.strictSame(besideBroker(dotenv, { RABBITMQ_USER: 'anna' }), dotenv);
});
