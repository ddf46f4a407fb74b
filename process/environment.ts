/** The environment: one schema says which values each variable may have. */
import {
  OptionalKind,
  type Static,
  type TObject,
  type TProperties,
  type TSchema,
  Type,
} from '@sinclair/typebox';
import { parser } from '../domain/validate.ts';
import { ConfigError } from './config-error.ts';
import { databaseChoice } from './database-choice.ts';
import { processesFor } from './parallelism.ts';
import { isFileVariable } from './secret-files.ts';

const integer = (minimum: number, maximum: number, fallback: number) =>
  Type.Integer({
    minimum,
    maximum,
    default: fallback,
    description: `an integer from ${minimum} to ${maximum}`,
  });
const seconds = (minimum: number, maximum: number, fallback: number) =>
  Type.Number({
    minimum,
    maximum,
    default: fallback,
    description: `a number of seconds from ${minimum} to ${maximum}`,
  });
const wholeSeconds = (maximum: number, fallback: number) =>
  Type.Integer({ minimum: 1, maximum, default: fallback, description: `whole seconds from 1 to ${maximum}` });
const flag = () =>
  Type.Boolean({ default: false, description: 'true or false (also 1, 0, yes, no, on, off)' });
const port = (fallback?: number) =>
  Type.Integer({ minimum: 1, maximum: 65_535, default: fallback, description: 'a port from 1 to 65535' });
const word = (fallback?: string) =>
  Type.String({ default: fallback, minLength: 1, pattern: '^\\S+$', description: 'a text without spaces' });
/** Secret, and without `@` and `/`: if somebody sets a whole URL by mistake, its password must not get into the log. */
const host = (fallback?: string) =>
  Type.String({
    secret: true,
    default: fallback,
    pattern: '^[^\\s/@]+$',
    description: 'a host name or an IP address, without scheme, user and path',
  });
const secret = (description: string) => Type.String({ secret: true, description });
const passwordCommand = () => Type.Optional(secret('a command that prints a password'));

/** What the TLS of a server needs beside being switched on (tls.ts). */
const tlsVariables = <Prefix extends string>(prefix: Prefix) => {
  const variables = {
    CA_FILE: Type.Optional(Type.String()),
    CERT_FILE: Type.Optional(Type.String()),
    KEY_FILE: Type.Optional(Type.String()),
    SERVER_NAME: Type.Optional(host()),
  };
  type Variables = typeof variables;
  const named = Object.entries(variables).map(([name, schema]) => [`${prefix}_TLS_${name}`, schema]);
  return Object.fromEntries(named) as {
    [Name in keyof Variables & string as `${Prefix}_TLS_${Name}`]: Variables[Name];
  };
};

const Environment = Type.Object({
  DATABASE_URL: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^(mysql|mariadb)(\\+\\w+)?://[^/?#\\t\\r\\n]+/[^/?#@\\t\\r\\n]+([?#][^@]*)?$',
      description: 'a URL such as mysql://user:password@host:3306/database',
    }),
  ),
  DB_USER: Type.Optional(word()),
  DB_PASS: Type.Optional(secret('a password')),
  DB_PASS_COMMAND: passwordCommand(),
  DB_HOST: Type.Optional(host()),
  DB_PORT: Type.Optional(port()),
  DB_NAME: Type.Optional(word()),
  DB_READ_HOST: Type.Optional(host()),
  DB_READ_PORT: Type.Optional(port()),
  DB_POOL_SIZE: Type.Optional(
    Type.Integer({ minimum: 3, maximum: 1_000, description: 'an integer from 3 to 1000' }),
  ),
  DB_USE_SSL: flag(),
  DB_TLS_RDS: flag(),
  ...tlsVariables('DB'),
  REDIS_URL: Type.String({
    secret: true,
    default: 'redis://localhost:6379/0',
    pattern: '^rediss?://[^/?#\\t\\r\\n]+(/\\d{0,9})?([?#][^@]*)?$',
    description: 'a URL such as redis://host:6379/0, or rediss:// for TLS',
  }),
  ...tlsVariables('REDIS'),
  REDIS_CLUSTER: flag(),
  REDIS_USERNAME: Type.Optional(word()),
  REDIS_PASSWORD: Type.Optional(secret('a password')),
  REDIS_PASSWORD_COMMAND: passwordCommand(),
  RABBITMQ_URL: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^\\s*[Aa][Mm][Qq][Pp][Ss]?://',
      description: 'a URL such as amqp://user:password@host:5672/vhost, or amqps:// for TLS',
    }),
  ),
  RABBITMQ_HOST: Type.String({ secret: true, default: 'localhost' }),
  RABBITMQ_PORT: Type.Optional(port()),
  RABBITMQ_USER: word('guest'),
  RABBITMQ_PASSWORD: Type.Optional(secret('a password')),
  RABBITMQ_PASSWORD_COMMAND: passwordCommand(),
  PASSWORD_COMMAND_LIFETIME: wholeSeconds(86_400, 600),
  RABBITMQ_VHOST: Type.Optional(
    Type.String({
      pattern: '^[^\\t\\r\\n]{1,255}$',
      description: 'the name of a virtual host, such as / or shop',
    }),
  ),
  RABBITMQ_QUEUE_NAME: Type.String({
    default: 'order_write_jobs',
    pattern: '^(?!amq\\.)[\\w.:-]{1,200}$',
    description: 'a queue name of 1 to 200 letters, digits and _.:- that does not begin with amq.',
  }),
  RABBITMQ_EVENTS_EXCHANGE: Type.String({
    default: 'order_events',
    pattern: '^(?!amq\\.)[\\w.:-]{1,200}$',
    description: 'an exchange name of 1 to 200 letters, digits and _.:- that does not begin with amq.',
  }),
  MQ_USE_SSL: flag(),
  ...tlsVariables('MQ'),
  ORDERS_CACHE_TTL: wholeSeconds(86_400, 30),
  TEMP_ORDER_CACHE_TTL: wholeSeconds(86_400, 60),
  TEMP_ORDER_PENDING_TTL: wholeSeconds(31_536_000, 86_400),
  IDEMPOTENCY_TTL: wholeSeconds(31_536_000, 86_400),
  HISTORY_DAYS: integer(0, 3_650, 7),
  CACHE_DISABLED: flag(),
  CACHE_MEMORY_MB: integer(0, 65_536, 64),
  LIST_MEMORY_MB: integer(1, 65_536, 64),
  LIST_STALE_MS: integer(0, 60_000, 0),
  ADMIN_PASSWORD: Type.Optional(secret('a password')),
  CONSOLE_READ_PASSWORD: Type.Optional(secret('a password')),
  API_WORKERS: integer(1, 128, processesFor()),
  WORKER_COUNT: integer(1, 128, processesFor()),
  PORT: port(8080),
  HOST: word('0.0.0.0'),
  ORDERS_URL: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^[Hh][Tt][Tt][Pp][Ss]?://[^/?#\\s]+(/[^?#\\s]*)?$',
      description: 'a URL such as http://127.0.0.1:8080',
    }),
  ),
  METRICS_PORT: Type.Optional(port()),
  METRICS_HOST: word('127.0.0.1'),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^https?://[^\\s/]+\\S*$',
      description: 'a URL such as http://localhost:4318',
    }),
  ),
  OTEL_SDK_DISABLED: flag(),
  SHUTDOWN_GRACE: seconds(0, 300, 0),
  ACCESS_LOG_FILE: Type.String({ default: 'server-access.log' }),
  ACCESS_LOG_FORMAT: Type.String({ default: 'combined' }),
  READY_FILE: Type.Optional(Type.String()),
  /** Set by start_services.sh alone: where a process is found if its supervisor is gone. */
  ORDERS_PID_FILE: Type.Optional(Type.String()),
  LOG_LEVEL: Type.Union(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info', description: 'trace, debug, info, warn, error, fatal or silent' },
  ),
  LOG_FORMAT: Type.Optional(
    Type.Union([Type.Literal('json'), Type.Literal('text')], { description: 'json or text' }),
  ),
  LOG_FILE: Type.Optional(Type.String()),
  LOG_MAX_MB: integer(0, 1_048_576, 0),
  LOG_MAX_FILES: integer(1, 1_000, 5),
  SIMULATED_WRITE_LAG: seconds(0, 60, 0.3),
  CONSUMER_BATCH_SIZE: integer(1, 10_000, 250),
  CONSUMER_LINGER_MS: integer(0, 1_000, 100),
  CONSUMER_CONCURRENCY: integer(1, 16, 4),
  PUBLISH_TIMEOUT: seconds(0.1, 60, 2),
  MAX_BACKLOG: integer(0, 1_000_000_000, 1_000_000),
  MAX_ATTEMPTS: integer(1, 100, 5),
  RABBITMQ_QUEUE_TYPE: Type.Union([Type.Literal('quorum'), Type.Literal('classic')], {
    default: 'quorum',
    description: 'quorum or classic',
  }),
});
export type Environment = Static<typeof Environment>;

/** A variable as a process has read it. */
export interface Setting {
  name: string;
  /** Null if it is not set, or a secret. */
  value: string | null;
  /** What it is if nobody sets it; null if it is nothing then. */
  default: string | null;
  isSecret: boolean;
  isSet: boolean;
}

/** All variables, for people. Of a secret it says only whether it is set. */
export const settingsIn = (variables: Environment): Setting[] => {
  const values: Record<string, unknown> = variables;
  return Object.entries<TSchema>(Environment.properties).map(([name, { default: fallback, secret }]) => {
    const value = values[name];
    const isSecret = secret === true;
    return {
      name,
      value: value === undefined || isSecret ? null : String(value),
      default: fallback === undefined || isSecret ? null : String(fallback),
      isSecret,
      isSet: value !== undefined && value !== fallback,
    };
  });
};

const booleans = new Map([
  ...['true', '1', 'yes', 'on', 't', 'y'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off', 'f', 'n'].map((word) => [word, false] as const),
]);
/** Levels as Python's logging names them. */
const synonyms = new Map([
  ['warning', 'warn'],
  ['critical', 'fatal'],
]);

/** Reads a text as its type. If it does not read as that, it stays text, and the validator then names it. */
const read = ({ type, anyOf }: TSchema, text: string): unknown => {
  if (type === 'boolean') return booleans.get(text.toLowerCase()) ?? text;
  if (type === 'integer' || type === 'number')
    return /^-?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : text;
  if (!anyOf) return text;
  const word = synonyms.get(text.toLowerCase()) ?? text.toLowerCase();
  return anyOf.some((one: TSchema) => one.const === word) ? word : text;
};

/** The variables of a schema that are set, as their types. An empty one counts as absent. */
const readAs = (schema: TProperties, env: NodeJS.ProcessEnv): Record<string, unknown> => {
  const values: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(schema)) {
    const text = env[name];
    if (text !== undefined && text !== '') values[name] = read(one, text);
  }
  return values;
};
/**
 * Validates the variables that are set, and adds the defaults of the others. Only the schemas of those that are set are
 * compiled: to compile all would be a tenth of the start of a process.
 */
const parseAs = <T extends TProperties>(
  schema: TObject<T>,
  values: Record<string, unknown>,
): Static<TObject<T>> => {
  const needed = Object.entries(schema.properties).filter(
    ([name, one]) => name in values || (one.default === undefined && !(OptionalKind in one)),
  );
  const parse = parser(
    Type.Object(Object.fromEntries(needed)),
    'The environment',
    (sentence) => new ConfigError(sentence),
  );
  const defaults = Object.entries(schema.properties).flatMap(([name, one]) =>
    one.default === undefined ? [] : [[name, one.default]],
  );
  return { ...Object.fromEntries(defaults), ...parse(values) };
};

/** What a client of the API needs to know. */
const ClientEnvironment = Type.Pick(Environment, ['ORDERS_URL', 'HOST', 'PORT', 'ADMIN_PASSWORD']);
/**
 * Reads what a client of the API needs to know. The other variables may be bad or absent.
 * @throws ConfigError with one sentence that names the variable
 */
export const readClientEnvironment = (env: NodeJS.ProcessEnv): Static<typeof ClientEnvironment> =>
  parseAs(ClientEnvironment, readAs(ClientEnvironment.properties, env));

/** Whether a variable of this name is one of the settings. */
export const isVariable = (name: string): boolean => name in Environment.properties || isFileVariable(name);

/**
 * Reads and validates the variables. An empty one counts as absent, as a compose file passes on variables that are not
 * set as empty ones.
 * @returns the variables, and which of those that say where MySQL is have no meaning beside the others, for the log
 * @throws ConfigError with one sentence that names the variable
 */
export const readEnvironment = (env: NodeJS.ProcessEnv): { variables: Environment; ignored: string[] } => {
  const database = databaseChoice(env);
  const values = readAs(Environment.properties, env);
  if (database.by === 'account') delete values.DATABASE_URL;
  const parsed = parseAs(Environment, values);
  for (const name of ['DB', 'DB_READ'] as const)
    if (/^([^:]+|\[.*\]):\d*$/.test(parsed[`${name}_HOST`] ?? ''))
      throw new ConfigError(`${name}_HOST must be a host without a port: write that into ${name}_PORT.`);
  return { variables: parsed, ignored: database.ignored };
};
