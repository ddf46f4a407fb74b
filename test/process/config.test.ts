import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { addresses, ConfigError, loadConfig } from '../../process/config.ts';
import { DATABASE_URL, errorOf, load } from '../helpers/config.ts';

const database = {
  host: 'db.example',
  port: 3307,
  user: 'anna',
  password: 'pw',
  database: 'shop',
  tls: false,
};
const five = { DB_USER: 'bob', DB_PASS: 's3', DB_HOST: 'db2', DB_PORT: '3310', DB_NAME: 'store' };

t.test('defaults', async (t) => {
  t.strictSame(load(), {
    api: { workers: 3, host: '0.0.0.0', port: 8080, adminPassword: undefined },
    accessLog: { file: 'server-access.log', format: 'combined' },
    consumer: {
      count: 4,
      batchSize: 250,
      lingerMs: 5,
      concurrency: 2,
      writeLagMs: 300,
      readyFile: undefined,
    },
    mysql: database,
    redis: { host: 'localhost', port: 6379, username: undefined, password: undefined, db: 0, tls: false },
    cache: {
      disabled: false,
      ordersTtl: 30,
      appliedTtl: 60,
      waitingTtl: 86_400,
      idempotencyTtl: 86_400,
      memoryBytes: 67_108_864,
    },
    lists: { ttl: 30, memoryBytes: 67_108_864, staleMs: 0 },
    rabbitmq: {
      protocol: 'amqp',
      hostname: 'localhost',
      port: 5672,
      username: 'guest',
      password: 'guest',
      queue: 'order_write_jobs',
      queueType: 'quorum',
      maxBacklog: 1_000_000,
      maxAttempts: 5,
      publishTimeoutMs: 2000,
    },
    logLevel: 'info',
    logFormat: undefined,
    ignored: [],
  });
});

const good: [variable: string, value: string, expected: object][] = [
  ['API_WORKERS', '1', { api: { workers: 1 } }],
  ['API_WORKERS', '128', { api: { workers: 128 } }],
  ['HOST', '::', { api: { host: '::' } }],
  ['PORT', '65535', { api: { port: 65_535 } }],
  ['ADMIN_PASSWORD', 'open sesame', { api: { adminPassword: 'open sesame' } }],
  ['ACCESS_LOG_FILE', '-', { accessLog: { file: '-' } }],
  ['ACCESS_LOG_FORMAT', '%(h)s', { accessLog: { format: '%(h)s' } }],
  ['WORKER_COUNT', '128', { consumer: { count: 128 } }],
  ['CONSUMER_BATCH_SIZE', '1', { consumer: { batchSize: 1 } }],
  ['CONSUMER_LINGER_MS', '0', { consumer: { lingerMs: 0 } }],
  ['CONSUMER_CONCURRENCY', '16', { consumer: { concurrency: 16 } }],
  ['SIMULATED_WRITE_LAG', '0', { consumer: { writeLagMs: 0 } }],
  ['SIMULATED_WRITE_LAG', '1.5', { consumer: { writeLagMs: 1500 } }],
  ['DB_USE_SSL', 'true', { mysql: { tls: true } }],
  ['CACHE_DISABLED', 'TRUE', { cache: { disabled: true } }],
  ['CACHE_DISABLED', '0', { cache: { disabled: false } }],
  ['ORDERS_CACHE_TTL', '1', { cache: { ordersTtl: 1 } }],
  ['ORDERS_CACHE_TTL', '7', { lists: { ttl: 7 } }],
  ['CACHE_MEMORY_MB', '0', { cache: { memoryBytes: 0 } }],
  ['LIST_MEMORY_MB', '65536', { lists: { memoryBytes: 65_536 * 1024 * 1024 } }],
  ['LIST_STALE_MS', '60000', { lists: { staleMs: 60_000 } }],
  ['TEMP_ORDER_CACHE_TTL', '86400', { cache: { appliedTtl: 86_400 } }],
  ['TEMP_ORDER_PENDING_TTL', '3600', { cache: { waitingTtl: 3_600 } }],
  ['TEMP_ORDER_PENDING_TTL', '1', { cache: { waitingTtl: 60 } }],
  ['IDEMPOTENCY_TTL', '31536000', { cache: { idempotencyTtl: 31_536_000 } }],
  ['RABBITMQ_HOST', 'mq.example', { rabbitmq: { hostname: 'mq.example' } }],
  ['RABBITMQ_PORT', '1', { rabbitmq: { port: 1 } }],
  ['RABBITMQ_USER', 'carl', { rabbitmq: { username: 'carl' } }],
  ['RABBITMQ_PASSWORD', 'a b/@:%', { rabbitmq: { password: 'a b/@:%' } }],
  ['RABBITMQ_QUEUE_NAME', 'a.b:c-d_e', { rabbitmq: { queue: 'a.b:c-d_e' } }],
  ['RABBITMQ_QUEUE_TYPE', 'classic', { rabbitmq: { queueType: 'classic' } }],
  ['PUBLISH_TIMEOUT', '0.25', { rabbitmq: { publishTimeoutMs: 250 } }],
  ['MAX_BACKLOG', '0', { rabbitmq: { maxBacklog: 0 } }],
  ['MAX_ATTEMPTS', '100', { rabbitmq: { maxAttempts: 100 } }],
  ['LOG_LEVEL', 'silent', { logLevel: 'silent' }],
  ['LOG_FORMAT', 'TEXT', { logFormat: 'text' }],
  ['LOG_LEVEL', 'INFO', { logLevel: 'info' }],
  ['LOG_LEVEL', 'WARNING', { logLevel: 'warn' }],
  ['LOG_LEVEL', 'critical', { logLevel: 'fatal' }],
  ['MQ_USE_SSL', 'on', { rabbitmq: { protocol: 'amqps' } }],
  ['CACHE_DISABLED', 'False', { cache: { disabled: false } }],
  ['SIMULATED_WRITE_LAG', '.5', { consumer: { writeLagMs: 500 } }],
];
t.test('good values', async (t) => {
  for (const [variable, value, expected] of good)
    t.match(load({ [variable]: value }), expected, `${variable}=${value}`);
});

const workers = (name: string) => `${name} must be an integer from 1 to 128`;
const ttl = (name: string) => `${name} must be whole seconds from 1 to 86400`;
const longTtl = (name: string) => `${name} must be whole seconds from 1 to 31536000`;
const port = (name: string) => `${name} must be a port from 1 to 65535`;
const flag = (name: string) => `${name} must be true or false (also 1, 0, yes, no, on, off)`;
const databaseUrl = 'DATABASE_URL must be a URL such as mysql://user:password@host:3306/database';
const redisUrl = 'REDIS_URL must be a URL such as redis://host:6379/0, or rediss:// for TLS';
const queue =
  'RABBITMQ_QUEUE_NAME must be a queue name of 1 to 200 letters, digits and _.:- that does not begin with amq.';
const host = (name: string) =>
  `${name} must be a host name or an IP address, without scheme, user and path, got a value that is not shown.`;
const withoutPort = (name: string) =>
  `${name}_HOST must be a host without a port: write that into ${name}_PORT.`;
const notShown = 'got a value that is not shown.';
const invalidUrl = (name: string) =>
  `${name} must be a valid URL, with %XX for special characters; its value is not shown.`;

const bad: [variable: string, value: string, sentence: string][] = [
  ['API_WORKERS', '0', `${workers('API_WORKERS')}, got 0.`],
  ['API_WORKERS', '129', `${workers('API_WORKERS')}, got 129.`],
  ['API_WORKERS', '2.5', `${workers('API_WORKERS')}, got 2.5.`],
  ['API_WORKERS', 'three', `${workers('API_WORKERS')}, got "three".`],
  ['API_WORKERS', '1e1', `${workers('API_WORKERS')}, got "1e1".`],
  ['WORKER_COUNT', '-1', `${workers('WORKER_COUNT')}, got -1.`],
  ['PORT', '0', `${port('PORT')}, got 0.`],
  ['PORT', '65536', `${port('PORT')}, got 65536.`],
  ['PORT', ' 80', `${port('PORT')}, got " 80".`],
  ['HOST', 'a b', 'HOST must be a text without spaces, got "a b".'],
  ['DB_PORT', 'x', `${port('DB_PORT')}, got "x".`],
  ['DB_USER', 'a b', 'DB_USER must be a text without spaces, got "a b".'],
  ['DB_NAME', ' ', 'DB_NAME must be a text without spaces, got " ".'],
  ['DB_HOST', 'mysql://anna:pw@host', host('DB_HOST')],
  ['DB_USE_SSL', 'both', `${flag('DB_USE_SSL')}, got "both".`],
  ['CACHE_DISABLED', 'maybe', `${flag('CACHE_DISABLED')}, got "maybe".`],
  ['MQ_USE_SSL', '2', `${flag('MQ_USE_SSL')}, got "2".`],
  ['ORDERS_CACHE_TTL', '0', `${ttl('ORDERS_CACHE_TTL')}, got 0.`],
  ['ORDERS_CACHE_TTL', '1.5', `${ttl('ORDERS_CACHE_TTL')}, got 1.5.`],
  ['CACHE_MEMORY_MB', '-1', 'CACHE_MEMORY_MB must be an integer from 0 to 65536, got -1.'],
  ['LIST_MEMORY_MB', '0', 'LIST_MEMORY_MB must be an integer from 1 to 65536, got 0.'],
  ['LIST_MEMORY_MB', '65537', 'LIST_MEMORY_MB must be an integer from 1 to 65536, got 65537.'],
  ['LIST_STALE_MS', '0.5', 'LIST_STALE_MS must be an integer from 0 to 60000, got 0.5.'],
  ['LIST_STALE_MS', '60001', 'LIST_STALE_MS must be an integer from 0 to 60000, got 60001.'],
  ['TEMP_ORDER_CACHE_TTL', '86401', `${ttl('TEMP_ORDER_CACHE_TTL')}, got 86401.`],
  ['TEMP_ORDER_PENDING_TTL', '31536001', `${longTtl('TEMP_ORDER_PENDING_TTL')}, got 31536001.`],
  ['IDEMPOTENCY_TTL', '0', `${longTtl('IDEMPOTENCY_TTL')}, got 0.`],
  ['RABBITMQ_HOST', 'amqp://anna:pw@host', host('RABBITMQ_HOST')],
  ['RABBITMQ_HOST', 'mq.example:5671', withoutPort('RABBITMQ')],
  ['RABBITMQ_HOST', '[::1]:5671', withoutPort('RABBITMQ')],
  ['DB_HOST', 'db.example:3307', withoutPort('DB')],
  ['RABBITMQ_PORT', '70000', `${port('RABBITMQ_PORT')}, got 70000.`],
  ['RABBITMQ_USER', '\t', 'RABBITMQ_USER must be a text without spaces, got "\\t".'],
  ['RABBITMQ_QUEUE_NAME', 'amq.jobs', `${queue}, got "amq.jobs".`],
  ['RABBITMQ_QUEUE_NAME', 'jobs/x', `${queue}, got "jobs/x".`],
  ['RABBITMQ_QUEUE_NAME', 'q'.repeat(201), `${queue}, got "${'q'.repeat(20)}…" (201 characters).`],
  ['RABBITMQ_QUEUE_TYPE', 'stream', 'RABBITMQ_QUEUE_TYPE must be quorum or classic, got "stream".'],
  ['MAX_BACKLOG', '-1', 'MAX_BACKLOG must be an integer from 0 to 1000000000, got -1.'],
  ['MAX_ATTEMPTS', '0', 'MAX_ATTEMPTS must be an integer from 1 to 100, got 0.'],
  ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be trace, debug, info, warn, error, fatal or silent, got "loud".'],
  ['LOG_FORMAT', 'pretty', 'LOG_FORMAT must be json or text, got "pretty".'],
  ['SIMULATED_WRITE_LAG', '-0.1', 'SIMULATED_WRITE_LAG must be a number of seconds from 0 to 60, got -0.1.'],
  ['PUBLISH_TIMEOUT', '61', 'PUBLISH_TIMEOUT must be a number of seconds from 0.1 to 60, got 61.'],
  ['DATABASE_URL', 'redis://anna:pw@host/shop', `${databaseUrl}, ${notShown}`],
  ['DATABASE_URL', 'mysql://anna:pw@host', `${databaseUrl}, ${notShown}`],
  ['DATABASE_URL', 'mysql://anna:pw@host/', `${databaseUrl}, ${notShown}`],
  ['DATABASE_URL', 'mysql://anna:1/2@host/shop', `${databaseUrl}, ${notShown}`],
  ['DATABASE_URL', 'mysql://anna:1#2@host/shop', `${databaseUrl}, ${notShown}`],
  ['DATABASE_URL', 'mysql://anna:pw@host:99999/shop', invalidUrl('DATABASE_URL')],
  ['DATABASE_URL', 'mysql://anna:p%w@host/shop', invalidUrl('DATABASE_URL')],
  ['DATABASE_URL', 'mysql://anna%C3:%A9@host/shop', invalidUrl('DATABASE_URL')],
  ['REDIS_URL', 'localhost:6379', `${redisUrl}, ${notShown}`],
  ['REDIS_URL', 'redis://host/first', `${redisUrl}, ${notShown}`],
  ['REDIS_URL', 'redis://anna:1#2@host/0', `${redisUrl}, ${notShown}`],
  ['REDIS_URL', 'redis://anna:1?2@host/0', `${redisUrl}, ${notShown}`],
  ['REDIS_URL', 'redis://:p%w@host/0', invalidUrl('REDIS_URL')],
  ['REDIS_URL', 'redis://:pw@host:port/0', invalidUrl('REDIS_URL')],
];
t.test('bad values', async (t) => {
  for (const [variable, value, sentence] of bad)
    t.equal(errorOf({ DATABASE_URL, [variable]: value }).message, sentence);
});

t.test('an empty variable counts as absent', async (t) => {
  const names = new Set([...good, ...bad].map(([variable]) => variable));
  names.delete('DATABASE_URL');
  const empty = Object.fromEntries([...names, 'DB_PASS', 'API_THREADS'].map((name) => [name, '']));
  t.strictSame(load(empty), load());
});

t.test('MySQL', async (t) => {
  const mysql = (env: NodeJS.ProcessEnv) => loadConfig(env).mysql;
  const own = { host: 'db2', port: 3310, user: 'bob', password: 's3', database: 'store', tls: false };
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
  const plain = { host: 'cache', port: 6379, username: undefined, password: undefined, db: 0, tls: false };
  const urls: [url: string, expected: object][] = [
    ['redis://cache', plain],
    ['redis://cache/', plain],
    ['redis://cache:6380/5', { ...plain, port: 6380, db: 5 }],
    ['rediss://cache:6380/5', { ...plain, port: 6380, db: 5, tls: true }],
    ['redis://:p%40w%2F@cache', { ...plain, password: 'p@w/' }],
    ['redis://anna:pw@cache/1', { ...plain, username: 'anna', password: 'pw', db: 1 }],
    [
      'rediss://anna:pw@[::1]:6380',
      { ...plain, host: '::1', port: 6380, username: 'anna', password: 'pw', tls: true },
    ],
    ['redis://cache/0?timeout=1', plain],
    ['redis://cache?db=3', { ...plain, db: 3 }],
    ['redis://cache/3?db=3&decode_responses=True&protocol=3', { ...plain, db: 3 }],
  ];
  for (const [REDIS_URL, expected] of urls) {
    const { ca: _, ...redis } = load({ REDIS_URL }).redis;
    t.strictSame(redis, expected, REDIS_URL);
  }
});

t.test('RabbitMQ over TLS', async (t) => {
  for (const MQ_USE_SSL of ['True', 'true', '1', 'yes', 'YES'])
    t.match(load({ MQ_USE_SSL }).rabbitmq, { protocol: 'amqps', port: 5671 }, MQ_USE_SSL);
  for (const MQ_USE_SSL of ['False', 'false', '0', 'no', ''])
    t.match(load({ MQ_USE_SSL }).rabbitmq, { protocol: 'amqp', port: 5672 }, MQ_USE_SSL);
  t.equal(load({ MQ_USE_SSL: 'True', RABBITMQ_PORT: '35672' }).rabbitmq.port, 35_672);
  for (const RABBITMQ_HOST of ['::1', '[::1]'])
    t.equal(load({ RABBITMQ_HOST }).rabbitmq.hostname, '::1', RABBITMQ_HOST);
});

t.test('no error shows a secret', async (t) => {
  const secrets = [
    'hunter2',
    'mysql://anna:hunter2@host',
    'mysql://anna:hunter2@host:99999/shop',
    'mysql://anna:hunter2%@host/shop',
    'mysql://anna:hunter2@ho st/shop',
    'mysql+://anna:hunter2@/shop',
    'redis://:hunter2@host:x/0',
    'redis://:hunter2%@host',
    'redis://:hunter2@host/0/1',
    `redis://:${'hunter2'.repeat(100)}@`,
    ' hunter2 ',
    '[hunter2]',
  ];
  const names = [
    'DATABASE_URL',
    'REDIS_URL',
    'DB_PASS',
    'DB_HOST',
    'RABBITMQ_HOST',
    'RABBITMQ_PASSWORD',
    'ADMIN_PASSWORD',
  ];
  let errors = 0;
  // PORT brings an error even where the secret itself is accepted.
  for (const name of names)
    for (const secret of secrets)
      for (const env of [
        { [name]: secret },
        { [name]: secret, PORT: 'x' },
        { ...five, [name]: secret, DB_PORT: 'x' },
      ])
        try {
          loadConfig({ DATABASE_URL, ...env });
        } catch (error) {
          errors++;
          t.ok(error instanceof ConfigError, `${name}=${secret}`);
          t.notMatch(error, { message: 'hunter2' }, `${name}=${secret}`);
          t.notMatch(error instanceof Error && error.stack, 'hunter2');
        }
  t.ok(errors >= 2 * names.length * secrets.length, `${errors} errors`);
});

t.test('variables without a meaning are listed', async (t) => {
  t.strictSame(load({ API_THREADS: '8' }).ignored, ['API_THREADS']);
  t.strictSame(load({ OTHER: '8', MYSQL_HOST: '', REDIS_PORT: '26380', DB_SERVICE_HOST: 'x' }).ignored, []);
  const right = { RABBITMQ_PASSWORD: 'x', REDIS_URL: 'redis://:y@cache?socket_timeout=5' };
  const ofOthers = {
    FLASK_APP: 'run.py',
    FLASK_ENV: 'production',
    FLASK_RUN_PORT: '5000',
    PYTHONUNBUFFERED: '1',
    GUNICORN_CMD_ARGS: '--timeout 120',
    SECRET_KEY: 'x',
    SQLALCHEMY_TRACK_MODIFICATIONS: 'False',
  };
  t.strictSame(load(ofOthers).ignored, [], 'other programs have their own');
  t.strictSame(load({ ...right, RABBITMQ_PASS: 'x', REDIS_PASSWORD: 'y', DB_SSL: 'false' }).ignored, [
    'RABBITMQ_PASS',
    'DB_SSL',
    'socket_timeout in REDIS_URL',
  ]);
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

/** What `environment()` returns in a process that starts in `folder` with `env`. */
const environmentIn = async (folder: string, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> => {
  const source = `
    import { environment } from ${JSON.stringify(import.meta.resolve('../../process/config.ts'))};
    console.log(JSON.stringify(environment()));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', source],
    { cwd: folder, env },
  );
  return JSON.parse(stdout);
};

t.test('environment(): the process wins over .env', async (t) => {
  const folder = t.testdir({
    '.env': '# a comment\nPORT=1\nDB_NAME="a b"\nADMIN_PASSWORD=\nLOG_LEVEL=warn # why\n',
    empty: {},
  });
  const env = await environmentIn(folder, { PORT: '2', HOST: '::' });
  t.match(env, { PORT: '2', HOST: '::', DB_NAME: 'a b', ADMIN_PASSWORD: '', LOG_LEVEL: 'warn' });
  const without = await environmentIn(`${folder}/empty`, { PORT: '2' });
  t.equal(without.PORT, '2');
  t.notOk('DB_NAME' in without, 'no .env, no error');
});
