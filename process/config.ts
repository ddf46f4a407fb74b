/** The settings of a process, in the form in which its code uses them. */
import { besideBroker, rabbitmqOptions } from './broker-settings.ts';
import { ConfigError } from './config-error.ts';
import { readDotenv } from './dotenv.ts';
import { isVariable, readEnvironment, settingsIn } from './environment.ts';
import { misnamedVariables } from './misnamed.ts';
import { type Logins, renewalsOf } from './renewals.ts';
import { overlaid, withSecretFiles } from './secret-files.ts';
import { bare, mysqlOptions, redisOptions } from './server-settings.ts';
import { tlsOpener } from './tls.ts';

export { ConfigError };

/** The logins as the variables and their files have them now. @throws ConfigError */
const readLogins = (given: NodeJS.ProcessEnv): Logins => {
  const env = withSecretFiles(given);
  const { variables: e } = readEnvironment(env);
  const withoutTls = () => undefined;
  const mysql = mysqlOptions(e, env, withoutTls).options;
  const redis = redisOptions(e, withoutTls).options;
  const rabbitmq = rabbitmqOptions(e, env, withoutTls).options;
  return {
    mysql: { user: mysql.user, password: mysql.password },
    redis: { user: redis.username, password: redis.password },
    rabbitmq: { user: rabbitmq.username, password: rabbitmq.password },
    admin: { user: undefined, password: e.ADMIN_PASSWORD },
    reader: { user: undefined, password: e.CONSOLE_READ_PASSWORD },
  };
};

/**
 * How many connections to MySQL an API process has: with more of them reads, which are short, would only queue inside
 * MySQL.
 */
const API_CONNECTIONS = 10;
/** How many of them may be making lists, and sending lists that are too large to be kept: single orders need the rest. */
const MAKING_SHARE = 0.5;
const SENDING_SHARE = 0.4;

/**
 * Reads the settings of one process.
 * @param given usually `environment()`
 * @throws ConfigError with one sentence that names the variable; a secret's value is never in it
 */
export const loadConfig = (given: NodeJS.ProcessEnv) => {
  const env = withSecretFiles(given);
  const misnamed = misnamedVariables(env, isVariable);
  const { variables: e, ignored } = readEnvironment(env);
  const openTls = tlsOpener(e, env);
  const mysql = mysqlOptions(e, env, openTls);
  const redis = redisOptions(e, openTls);
  const rabbitmq = rabbitmqOptions(e, env, openTls);
  const connections = e.DB_POOL_SIZE ?? API_CONNECTIONS;
  /** When each log is moved away, and how many of them are kept. */
  const rotation = { maxBytes: e.LOG_MAX_MB * 2 ** 20, files: e.LOG_MAX_FILES };
  const renewals = renewalsOf(given, e, () => readLogins(given));
  if (e.CONSOLE_READ_PASSWORD !== undefined && e.CONSOLE_READ_PASSWORD === e.ADMIN_PASSWORD)
    throw new ConfigError(
      'CONSOLE_READ_PASSWORD must be another one than ADMIN_PASSWORD: who has it may only look.',
    );
  return {
    api: {
      workers: e.API_WORKERS,
      host: e.HOST,
      port: e.PORT,
      adminPassword: e.ADMIN_PASSWORD,
      ...renewals.admin,
    },
    /** Who may look at the console without changing anything. */
    reader: { password: e.CONSOLE_READ_PASSWORD, ...renewals.reader },
    accessLog: { file: e.ACCESS_LOG_FILE, format: e.ACCESS_LOG_FORMAT },
    consumer: {
      count: e.WORKER_COUNT,
      batchSize: e.CONSUMER_BATCH_SIZE,
      lingerMs: e.CONSUMER_LINGER_MS,
      concurrency: e.CONSUMER_CONCURRENCY,
      writeLagMs: e.SIMULATED_WRITE_LAG * 1000,
    },
    mysql: { ...mysql.options, ...renewals.mysql },
    /** A replica for reads; undefined if there is none. */
    replica: mysql.replica && { ...mysql.options, ...mysql.replica, ...renewals.mysql },
    /** How many connections to MySQL the pool of a process has at most. */
    connections: {
      api: connections,
      // One for each batch in flight, one to watch whether MySQL is there.
      consumer: Math.min(e.DB_POOL_SIZE ?? Number.POSITIVE_INFINITY, e.CONSUMER_CONCURRENCY + 1),
    },
    redis: { ...redis.options, ...(!e.CACHE_DISABLED && renewals.redis) },
    /**
     * TTLs are in seconds. A pending copy is kept for `waitingTtl` while its write waits, and for `appliedTtl` after
     * the write is applied. `memoryBytes` is how many bytes of answers that it could make again a process has in Redis
     * at once.
     */
    cache: {
      disabled: e.CACHE_DISABLED,
      ordersTtl: e.ORDERS_CACHE_TTL,
      appliedTtl: e.TEMP_ORDER_CACHE_TTL,
      waitingTtl: Math.max(e.TEMP_ORDER_PENDING_TTL, e.TEMP_ORDER_CACHE_TTL),
      idempotencyTtl: e.IDEMPOTENCY_TTL,
      memoryBytes: e.CACHE_MEMORY_MB * 2 ** 20,
    },
    /**
     * Answers to GET /orders: how many seconds and bytes a process keeps, how long it may serve an outdated one, and how
     * many it makes and sends from MySQL at a time.
     */
    lists: {
      ttl: e.ORDERS_CACHE_TTL,
      memoryBytes: e.LIST_MEMORY_MB * 2 ** 20,
      staleMs: e.LIST_STALE_MS,
      making: Math.floor(connections * MAKING_SHARE),
      sending: Math.floor(connections * SENDING_SHARE),
    },
    rabbitmq: {
      ...rabbitmq.options,
      ...renewals.rabbitmq,
      queue: e.RABBITMQ_QUEUE_NAME,
      queueType: e.RABBITMQ_QUEUE_TYPE,
      eventsExchange: e.RABBITMQ_EVENTS_EXCHANGE,
      maxBacklog: e.MAX_BACKLOG,
      maxAttempts: e.MAX_ATTEMPTS,
      publishTimeoutMs: e.PUBLISH_TIMEOUT * 1000,
    },
    /** For how many days it is kept what became of jobs; 0 if nothing of it is. */
    historyDays: e.HISTORY_DAYS,
    readyFile: e.READY_FILE,
    pidFile: e.ORDERS_PID_FILE,
    /** Where a process that serves no clients answers probes; undefined if nowhere. */
    metrics: e.METRICS_PORT === undefined ? undefined : { host: bare(e.METRICS_HOST), port: e.METRICS_PORT },
    /** Whether somebody wants traces. The SDK reads for itself where they go. */
    traces: e.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined && !e.OTEL_SDK_DISABLED,
    /** For how long an API that ends still takes connections, in milliseconds. */
    shutdownGraceMs: e.SHUTDOWN_GRACE * 1000,
    logLevel: e.LOG_LEVEL,
    logFormat: e.LOG_FORMAT,
    /** Where lines go, instead of to standard output. */
    logFile: e.LOG_FILE,
    rotation,
    /** All variables, for people. */
    settings: settingsIn(e),
    /** Variables, and parameters of URLs, that are set but have no meaning here. */
    ignored: [...ignored, ...misnamed, ...mysql.ignored, ...redis.ignored, ...rabbitmq.ignored],
  };
};
export type Config = ReturnType<typeof loadConfig>;

/**
 * The process's environment, and the variables of `.env` in the working folder that the environment does not have.
 * @throws ConfigError with one sentence if `.env` cannot be read
 */
export const environment = (): NodeJS.ProcessEnv =>
  overlaid(besideBroker(readDotenv(), process.env), process.env);

export const hostAndPort = (host: string, port: number) =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** The URL at which a client on this machine finds a server. A host that means all addresses becomes a loopback one. */
export const urlOf = ({ host, port }: { host: string; port: number }): string => {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
};

/** Where RabbitMQ is: its hosts, and its virtual host unless that is the default one. */
export const brokerAddress = ({ hosts, vhost }: Pick<Config['rabbitmq'], 'hosts' | 'vhost'>): string =>
  [hosts.map(({ hostname, port }) => hostAndPort(hostname, port)).join(), vhost]
    .filter((part) => part !== '/')
    .join('/');

/** The servers to which a process connects, for its log, without users and passwords. */
export const addresses = ({ mysql, replica, redis, rabbitmq, cache }: Config) => ({
  mysql: `${hostAndPort(mysql.host, mysql.port)}/${mysql.database}`,
  ...(replica && { mysql_for_reads: hostAndPort(replica.host, replica.port) }),
  redis: cache.disabled ? 'disabled' : `${hostAndPort(redis.host, redis.port)}/${redis.db}`,
  rabbitmq: `${brokerAddress(rabbitmq)}/${rabbitmq.queue}`,
});
