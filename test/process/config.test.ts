import t from 'tap';
import { processesFor } from '../../process/parallelism.ts';
import { DATABASE_URL, errorOf, load } from '../helpers/config.ts';

const database = {
  host: 'db.example',
  port: 3307,
  user: 'anna',
  password: 'pw',
  database: 'shop',
  tls: undefined,
};

t.test('defaults', async (t) => {
  const { settings, ...config } = load();
  t.ok(settings.length > 50);
  t.strictSame(config, {
    api: { workers: processesFor(), host: '0.0.0.0', port: 8080, adminPassword: undefined },
    reader: { password: undefined },
    accessLog: { file: 'server-access.log', format: 'combined' },
    consumer: {
      count: processesFor(),
      batchSize: 250,
      lingerMs: 100,
      concurrency: 4,
      writeLagMs: 300,
    },
    mysql: database,
    replica: undefined,
    connections: { api: 10, consumer: 5 },
    redis: {
      host: 'localhost',
      port: 6379,
      username: undefined,
      password: undefined,
      db: 0,
      cluster: false,
      tls: undefined,
    },
    cache: {
      disabled: false,
      ordersTtl: 30,
      appliedTtl: 60,
      waitingTtl: 86_400,
      idempotencyTtl: 86_400,
      memoryBytes: 67_108_864,
    },
    lists: { ttl: 30, memoryBytes: 67_108_864, staleMs: 0, making: 5, sending: 4 },
    rabbitmq: {
      protocol: 'amqp',
      tls: undefined,
      hosts: [{ hostname: 'localhost', port: 5672 }],
      vhost: '/',
      username: 'guest',
      password: 'guest',
      queue: 'order_write_jobs',
      queueType: 'quorum',
      eventsExchange: 'order_events',
      maxBacklog: 1_000_000,
      maxAttempts: 5,
      publishTimeoutMs: 2000,
    },
    historyDays: 7,
    readyFile: undefined,
    pidFile: undefined,
    metrics: undefined,
    traces: false,
    shutdownGraceMs: 0,
    logLevel: 'info',
    logFormat: undefined,
    logFile: undefined,
    rotation: { maxBytes: 0, files: 5 },
    ignored: [],
  });
});

t.test('processes follow the cores, and there are always two', async (t) => {
  for (const [cores, processes] of [
    [1, 2],
    [2, 2],
    [4, 2],
    [5, 3],
    [8, 4],
    [64, 8],
  ] as const)
    t.equal(processesFor(cores), processes, `${cores} cores`);
});

t.test('settings for people have no secret', async (t) => {
  const secrets = { ADMIN_PASSWORD: 'sesame', DB_PASS: 'hidden', REDIS_URL: 'redis://:hidden@localhost/0' };
  const { settings } = load({ ...secrets, DB_USER: 'a', DB_HOST: 'localhost', DB_NAME: 'c', PORT: '81' });
  t.notMatch(JSON.stringify(settings), /sesame|hidden/);
  const find = (name: string) => settings.find((one) => one.name === name);
  t.strictSame(find('PORT'), { name: 'PORT', value: '81', default: '8080', isSecret: false, isSet: true });
  t.match(find('DB_PASS'), { value: null, default: null, isSecret: true, isSet: true });
  t.match(find('MAX_ATTEMPTS'), { value: '5', isSet: false });
});

const good: [variable: string, value: string, expected: object][] = [
  ['API_WORKERS', '1', { api: { workers: 1 } }],
  ['API_WORKERS', '128', { api: { workers: 128 } }],
  ['REDIS_CLUSTER', 'true', { redis: { cluster: true } }],
  ['HOST', '::', { api: { host: '::' } }],
  ['PORT', '65535', { api: { port: 65_535 } }],
  ['ADMIN_PASSWORD', 'open sesame', { api: { adminPassword: 'open sesame' } }],
  ['LOG_MAX_MB', '2', { rotation: { maxBytes: 2_097_152, files: 5 } }],
  ['ACCESS_LOG_FILE', '-', { accessLog: { file: '-' } }],
  ['ACCESS_LOG_FORMAT', '%(h)s', { accessLog: { format: '%(h)s' } }],
  ['WORKER_COUNT', '128', { consumer: { count: 128 } }],
  ['CONSUMER_BATCH_SIZE', '1', { consumer: { batchSize: 1 } }],
  ['CONSUMER_LINGER_MS', '0', { consumer: { lingerMs: 0 } }],
  ['CONSUMER_CONCURRENCY', '16', { consumer: { concurrency: 16 } }],
  ['SIMULATED_WRITE_LAG', '0', { consumer: { writeLagMs: 0 } }],
  ['SIMULATED_WRITE_LAG', '1.5', { consumer: { writeLagMs: 1500 } }],
  ['DB_USE_SSL', 'true', { mysql: { tls: { prefix: 'DB' } } }],
  ['CACHE_DISABLED', 'TRUE', { cache: { disabled: true } }],
  ['CACHE_DISABLED', '0', { cache: { disabled: false } }],
  ['ORDERS_CACHE_TTL', '1', { cache: { ordersTtl: 1 } }],
  ['ORDERS_CACHE_TTL', '7', { lists: { ttl: 7 } }],
  ['CACHE_MEMORY_MB', '0', { cache: { memoryBytes: 0 } }],
  ['LIST_MEMORY_MB', '65536', { lists: { memoryBytes: 65_536 * 1024 * 1024 } }],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://localhost:4318', { traces: true }],
  ['LIST_STALE_MS', '60000', { lists: { staleMs: 60_000 } }],
  ['TEMP_ORDER_CACHE_TTL', '86400', { cache: { appliedTtl: 86_400 } }],
  ['TEMP_ORDER_PENDING_TTL', '3600', { cache: { waitingTtl: 3_600 } }],
  ['TEMP_ORDER_PENDING_TTL', '1', { cache: { waitingTtl: 60 } }],
  ['IDEMPOTENCY_TTL', '31536000', { cache: { idempotencyTtl: 31_536_000 } }],
  ['RABBITMQ_HOST', 'mq.example', { rabbitmq: { hosts: [{ hostname: 'mq.example' }] } }],
  ['RABBITMQ_PORT', '1', { rabbitmq: { hosts: [{ port: 1 }] } }],
  ['RABBITMQ_VHOST', 'my shop', { rabbitmq: { vhost: 'my shop' } }],
  ['RABBITMQ_VHOST', '%2F', { rabbitmq: { vhost: '/' } }],
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
  [
    'RABBITMQ_VHOST',
    'a\tb',
    'RABBITMQ_VHOST must be the name of a virtual host, such as / or shop, got "a\\tb".',
  ],
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
  [
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'localhost:4318',
    `OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://localhost:4318, ${notShown}`,
  ],
  ['DB_POOL_SIZE', '2', 'DB_POOL_SIZE must be an integer from 3 to 1000, got 2.'],
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

t.test('DB_READ_HOST is a replica: with the account, the database and TLS of the other one', async (t) => {
  const { mysql, replica } = load({ DB_READ_HOST: '[::1]', DB_USE_SSL: 'true' });
  t.match(replica, { host: '::1', port: mysql.port, user: mysql.user, database: mysql.database });
  t.ok(replica?.tls);
  const four = { DB_HOST: 'one', DB_USER: 'anna', DB_PASS: 'pw', DB_NAME: 'shop' };
  const named = load({ ...four, DB_READ_HOST: 'two', DB_READ_PORT: '3307' });
  t.match(named, { mysql: { host: 'one', port: 3306 }, replica: { host: 'two', port: 3307, user: 'anna' } });
  const alone = load({ DB_READ_PORT: '3307' });
  t.equal(alone.replica, undefined);
  t.ok(alone.ignored.includes('DB_READ_PORT without DB_READ_HOST'));
  t.equal(
    errorOf({ DATABASE_URL, DB_READ_HOST: 'two:3307' }).message,
    'DB_READ_HOST must be a host without a port: write that into DB_READ_PORT.',
  );
});

t.test('DB_POOL_SIZE bounds the pool of each process, and lists leave some of it to others', async (t) => {
  const sizes = ({ connections, lists: { making, sending } }: ReturnType<typeof load>) => ({
    ...connections,
    making,
    sending,
  });
  t.strictSame(sizes(load()), { api: 10, consumer: 5, making: 5, sending: 4 });
  t.strictSame(sizes(load({ DB_POOL_SIZE: '3', CONSUMER_CONCURRENCY: '16' })), {
    api: 3,
    consumer: 3,
    making: 1,
    sending: 1,
  });
  t.equal(load({ DB_POOL_SIZE: '50' }).connections.consumer, 5, 'a consumer has no use for more');
});
