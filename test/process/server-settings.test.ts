/** The settings that lead to MySQL, Redis and RabbitMQ. */
import t from 'tap';
import { addresses, loadConfig } from '../../process/config.ts';
import { DATABASE_URL, errorOf, load } from '../helpers/config.ts';

const database = {
  host: 'db.example',
  port: 3307,
  user: 'anna',
  password: 'pw',
  database: 'shop',
  tls: undefined,
};
const five = { DB_USER: 'bob', DB_PASS: 's3', DB_HOST: 'db2', DB_PORT: '3310', DB_NAME: 'store' };

t.test('MySQL', async (t) => {
  const mysql = (env: NodeJS.ProcessEnv) => loadConfig(env).mysql;
  const own = { host: 'db2', port: 3310, user: 'bob', password: 's3', database: 'store', tls: undefined };
  const { DB_PORT: _, ...four } = five;
  const unread = ['sqlite:///database.db', `${DATABASE_URL}?ssl=true`, 'mysql://:%', 'hunter2', DATABASE_URL];
  t.strictSame(mysql(five), own);
  t.strictSame(mysql(four), { ...own, port: 3306 }, 'the four suffice');
  for (const url of unread) {
    const { mysql, ignored } = loadConfig({ ...five, DATABASE_URL: url });
    t.strictSame(mysql, own, `and win over ${url}`);
    t.strictSame(ignored, ['DATABASE_URL beside DB_HOST, DB_USER, DB_PASS and DB_NAME']);
  }
  t.strictSame(
    mysql({ ...five, DATABASE_URL, DB_PASS: '' }),
    { ...own, password: '' },
    'an empty password too',
  );
  for (const name of Object.keys(four)) {
    const some = { ...five, [name]: undefined };
    const { mysql, ignored } = loadConfig({ ...some, DATABASE_URL });
    t.strictSame(mysql, database, `not without ${name}`);
    t.equal(ignored.length, 4);
    t.ok(ignored.includes(`DB_PORT without ${name}`));
    const sentence = `${name} is not set: DB_HOST, DB_USER, DB_PASS and DB_NAME belong together.`;
    t.equal(errorOf(some).message, sentence);
    t.equal(errorOf({ ...some, DATABASE_URL: 'sqlite:///database.db' }).message, sentence);
    t.equal(errorOf({ ...some, DATABASE_URL: '' }).message, sentence);
  }
  t.equal(
    errorOf({ DB_NAME: 'store', DB_PASS: '' }).message,
    'DB_HOST, DB_USER and DB_PASS are not set: DB_HOST, DB_USER, DB_PASS and DB_NAME belong together.',
  );
  const set =
    'set DB_HOST, DB_USER, DB_PASS and DB_NAME, or DATABASE_URL=mysql://user:password@host:3306/database.';
  t.equal(errorOf({ DB_PORT: '3306' }).message, `It is not said where MySQL is: ${set}`);
  const others: [url: string, name: string][] = [
    ['sqlite:///database.db', 'sqlite'],
    ['sqlite://', 'sqlite'],
    ['postgres://anna:hunter2@host/shop', 'postgres'],
    ['postgresql+psycopg2://anna:hunter2@host/shop', 'postgresql'],
    ['mssql+pyodbc://anna:hunter2@host/shop', 'mssql'],
  ];
  for (const [url, name] of others)
    t.equal(
      errorOf({ DATABASE_URL: url }).message,
      `DATABASE_URL is for ${name}, but orders are kept in MySQL: ${set}`,
    );

  const urls: [url: string, expected: object][] = [
    ['mysql+pymysql://anna:pw@db.example:3307/shop', database],
    ['mysql+mysqlconnector://anna:pw@db.example:3307/shop?charset=utf8mb4&use_pure=True', database],
    ['mysql+mysqldb://anna:pw@db.example:3307/shop?charset=utf8mb4&binary_prefix=true', database],
    ['mysql://anna:pw@db.example/shop', { ...database, port: 3306 }],
    ['mysql://anna:pw@db.example:3307/shop?charset=utf8mb4', database],
    ['mariadb+pymysql://anna:pw@db.example:3307/shop?charset=utf8&use_unicode=1', database],
    ['mysql://anna:pw@db.example:3307/shop?ssl-mode=DISABLED&ssl=0&ssl_disabled=true', database],
    [
      'mysql://an%40na:p%2Fw%3A%25%C3%A9%20@db.example:3307/sh%2Dop',
      { ...database, user: 'an@na', password: 'p/w:%é ', database: 'sh-op' },
    ],
    ['mysql://anna:p@w@db.example:3307/shop', { ...database, password: 'p@w' }],
    ['mysql://anna:pw@[2001:db8::1]:3307/shop', { ...database, host: '2001:db8::1' }],
    ['mysql://anna@db.example:3307/shop', { ...database, password: '' }],
  ];
  for (const [url, expected] of urls) t.strictSame(mysql({ DATABASE_URL: url }), expected, url);
  for (const DB_HOST of ['2001:db8::1', '[2001:db8::1]'])
    t.equal(mysql({ ...five, DB_HOST }).host, '2001:db8::1', DB_HOST);
});

t.test('Redis', async (t) => {
  const plain = {
    host: 'cache',
    port: 6379,
    username: undefined,
    password: undefined,
    db: 0,
    cluster: false,
  };
  const urls: [url: string, expected: object][] = [
    ['redis://cache', plain],
    ['redis://cache/', plain],
    ['redis://cache:6380/5', { ...plain, port: 6380, db: 5 }],
    ['rediss://cache:6380/5', { ...plain, port: 6380, db: 5 }],
    ['redis://:p%40w%2F@cache', { ...plain, password: 'p@w/' }],
    ['redis://anna:pw@cache/1', { ...plain, username: 'anna', password: 'pw', db: 1 }],
    ['rediss://anna:pw@[::1]:6380', { ...plain, host: '::1', port: 6380, username: 'anna', password: 'pw' }],
    ['redis://cache/0?timeout=1', plain],
    ['redis://cache?db=3', { ...plain, db: 3 }],
    ['redis://cache/3?db=3&decode_responses=True&protocol=3', { ...plain, db: 3 }],
  ];
  for (const [REDIS_URL, expected] of urls) {
    const { tls, ...redis } = load({ REDIS_URL }).redis;
    t.strictSame(redis, expected, REDIS_URL);
    t.equal(tls !== undefined, REDIS_URL.startsWith('rediss:'));
  }
});

t.test('RabbitMQ over TLS', async (t) => {
  for (const MQ_USE_SSL of ['True', 'true', '1', 'yes', 'YES'])
    t.match(load({ MQ_USE_SSL }).rabbitmq, { protocol: 'amqps', hosts: [{ port: 5671 }] }, MQ_USE_SSL);
  for (const MQ_USE_SSL of ['False', 'false', '0', 'no', ''])
    t.match(load({ MQ_USE_SSL }).rabbitmq, { protocol: 'amqp', hosts: [{ port: 5672 }] }, MQ_USE_SSL);
  t.match(load({ MQ_USE_SSL: 'True', RABBITMQ_PORT: '35672' }).rabbitmq, { hosts: [{ port: 35_672 }] });
});

t.test('addresses() shows no credentials', async (t) => {
  const urls = {
    DATABASE_URL: 'mysql://anna:hunter2@db.example/shop',
    REDIS_URL: 'rediss://anna:hunter2@cache.example/3',
    RABBITMQ_HOST: 'mq.example',
    RABBITMQ_USER: 'anna',
    RABBITMQ_PASSWORD: 'hunter2',
    ADMIN_PASSWORD: 'hunter2',
  };
  t.strictSame(addresses(load(urls)), {
    mysql: 'db.example:3306/shop',
    redis: 'cache.example:6379/3',
    rabbitmq: 'mq.example:5672/order_write_jobs',
  });
  t.equal(addresses(load({ ...urls, CACHE_DISABLED: 'yes' })).redis, 'disabled');
  t.strictSame(
    addresses(
      load({ DATABASE_URL: 'mysql://a:b@[::1]/shop', REDIS_URL: 'redis://:b@[::1]', RABBITMQ_HOST: '::1' }),
    ),
    { mysql: '[::1]:3306/shop', redis: '[::1]:6379/0', rabbitmq: '[::1]:5672/order_write_jobs' },
  );
});
