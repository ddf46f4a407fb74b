/** Finds variables that somebody has set in the belief that they mean something here. */
import { ConfigError } from './config-error.ts';

type Env = NodeJS.ProcessEnv;

/** Whether it is set, also in the file or by the command of another variable. */
const hasAny = (env: Env, name: string): boolean =>
  Boolean(env[name] || env[`${name}_FILE`] || env[`${name}_COMMAND`]);

const brokerUrls = ['RABBITMQ_URI', 'CLOUDAMQP_URL', 'AMQP_URL', 'AMQP_URI'];

/** Names that ask for something in vain if `missing` says so, and what to write instead. */
const misnamed: { names: string[]; missing: (env: Env) => boolean; instead: string }[] = [
  {
    names: brokerUrls,
    missing: (env) =>
      !env.RABBITMQ_URL &&
      (!env.RABBITMQ_HOST || (brokerUrls.some((name) => env[name]?.startsWith('amqps:')) && !env.MQ_USE_SSL)),
    instead: 'set RABBITMQ_URL, or RABBITMQ_HOST and the like with MQ_USE_SSL=true for amqps://',
  },
  {
    names: ['RABBITMQ_PASS', 'RABBITMQ_DEFAULT_PASS', 'MQ_PASSWORD'],
    missing: (env) => !hasAny(env, 'RABBITMQ_PASSWORD') && !env.RABBITMQ_URL,
    instead: 'set RABBITMQ_PASSWORD',
  },
  {
    names: ['RABBITMQ_USERNAME', 'RABBITMQ_DEFAULT_USER', 'MQ_USER'],
    missing: (env) => !env.RABBITMQ_USER && !env.RABBITMQ_URL,
    instead: 'set RABBITMQ_USER',
  },
  {
    names: ['MQ_HOST'],
    missing: (env) => !env.RABBITMQ_HOST && !env.RABBITMQ_URL,
    instead: 'set RABBITMQ_HOST',
  },
  {
    names: ['RABBITMQ_QUEUE', 'MQ_QUEUE_NAME'],
    missing: (env) => !env.RABBITMQ_QUEUE_NAME,
    instead: 'set RABBITMQ_QUEUE_NAME',
  },
  {
    names: ['RABBITMQ_VIRTUAL_HOST', 'RABBITMQ_DEFAULT_VHOST', 'MQ_VHOST'],
    missing: (env) =>
      !env.RABBITMQ_VHOST &&
      !env.RABBITMQ_URL &&
      (env.RABBITMQ_VIRTUAL_HOST ?? env.RABBITMQ_DEFAULT_VHOST ?? env.MQ_VHOST) !== '/',
    instead: 'set RABBITMQ_VHOST',
  },
  ...[
    { names: ['DB_PASSWORD', 'DB_PASSWD'], right: 'DB_PASS' },
    { names: ['DB_USERNAME'], right: 'DB_USER' },
    { names: ['DB_DATABASE', 'DB_DATABASE_NAME'], right: 'DB_NAME' },
  ].map(({ names, right }) => ({
    names,
    missing: (env: Env) => !hasAny(env, right) && !env.DATABASE_URL,
    instead: `set ${right}`,
  })),
  {
    names: ['SQLALCHEMY_DATABASE_URI', 'SQLALCHEMY_DATABASE_URL'],
    missing: (env) => !env.DATABASE_URL && !env.DB_HOST,
    instead: 'set DATABASE_URL',
  },
  {
    names: ['REDIS_HOST'],
    missing: (env) => !env.REDIS_URL,
    instead: 'set REDIS_URL=redis://host:6379/0',
  },
  {
    names: ['REDIS_PASS'],
    missing: (env) =>
      !hasAny(env, 'REDIS_PASSWORD') && !/^rediss?:\/\/[^/@]*:[^/@]+@/.test(env.REDIS_URL ?? ''),
    instead: 'set REDIS_PASSWORD',
  },
  {
    names: ['REDIS_USER'],
    missing: (env) => !env.REDIS_USERNAME && !/^rediss?:\/\/[^/:@]+:[^/@]*@/.test(env.REDIS_URL ?? ''),
    instead: 'set REDIS_USERNAME',
  },
];

/** Variables that compose.yaml reads, and those that Kubernetes sets for services with such names. */
const ofOthers = /^(REDIS_PORT|RABBITMQ_MANAGEMENT_PORT)$|_SERVICE_|_PORT_\d+_/;

const isOf = (prefixes: string[]) => new RegExp(`^(${prefixes.join('|')})_`);
const ours = isOf(['DB', 'DATABASE', 'MYSQL', 'REDIS', 'RABBITMQ', 'MQ', 'AMQP', 'CLOUDAMQP', 'TEMP_ORDER']);
const ofServers = isOf(['DB', 'DATABASE', 'MYSQL', 'REDIS', 'RABBITMQ', 'MQ', 'AMQP']);
const namesTls = /_(SSL|TLS|CERT|CERTS|CA|CA_CERTS?|CACERT)(_|$)/;
const isOff = /^(false|0|no|off|disabled|none)?$/i;

/** A password may also be in a file, or come from a command. */
const waysToSet = (name: string): string[] => (/PASS/.test(name) ? ['', '_FILE', '_COMMAND'] : ['']);

/**
 * Looks for variables that mean nothing here.
 * @param known whether a name is one of a setting
 * @returns the names that look like a setting and are set, for the log
 * @throws ConfigError with one sentence if a variable asks in vain for a server, an account, a password or TLS
 */
export const misnamedVariables = (env: Env, known: (name: string) => boolean): string[] => {
  const set = Object.keys(env).filter((name) => env[name] && !known(name));
  for (const { names, missing, instead } of misnamed)
    for (const name of names)
      for (const way of waysToSet(name))
        if (set.includes(`${name}${way}`) && missing(env))
          throw new ConfigError(`${name}${way} has no meaning here: ${instead}${way}.`);
  for (const name of set)
    if (ofServers.test(name) && namesTls.test(name) && !isOff.test(env[name] ?? ''))
      throw new ConfigError(
        `${name} has no meaning here: TLS is asked for by DB_USE_SSL=true, MQ_USE_SSL=true and rediss:// in REDIS_URL, own authorities by DB_TLS_CA_FILE, MQ_TLS_CA_FILE and REDIS_TLS_CA_FILE.`,
      );
  return set.filter((name) => (ours.test(name) && !ofOthers.test(name)) || name === 'API_THREADS');
};
