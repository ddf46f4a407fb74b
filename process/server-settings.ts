/** What the variables and URLs say about MySQL and Redis: where they are, with which account, with or without TLS. */
import { ConfigError } from './config-error.ts';
import { readParameters } from './connection-urls.ts';
import type { Environment } from './environment.ts';
import type { Tls, tlsOpener } from './tls.ts';

interface Address {
  host: string;
  port: number;
  /** Undefined without TLS. */
  tls: Tls | undefined;
}
interface MysqlOptions extends Address {
  user: string;
  password: string;
  database: string;
}
interface RedisOptions extends Address {
  username: string | undefined;
  password: string | undefined;
  db: number;
  /** Whether it is known to be a cluster. If not, it may turn out to be one. */
  cluster: boolean;
}
interface Options<T> {
  options: T;
  /** Parameters of the URL that have no meaning here. */
  ignored: string[];
}

/** Sockets take an IPv6 address without the brackets that it has in a URL (RFC 3986, 3.2.2). */
export const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

/** Parses a URL. The error of `new URL` repeats the whole text, with the password, so it is replaced. */
const parseUrl = (name: string, text: string): URL => {
  try {
    const url = new URL(text);
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part);
    return url;
  } catch {
    throw new ConfigError(
      `${name} must be a valid URL, with %XX for special characters; its value is not shown.`,
    );
  }
};

type OpenTls = ReturnType<typeof tlsOpener>;

/**
 * Where MySQL is and how to connect, and where its replica is for reads, if there is one.
 * @param env has DATABASE_URL, or else DB_HOST, DB_USER and DB_NAME (database-choice.ts)
 * @param given the environment as it was given, to see which variables are set
 * @throws ConfigError with one sentence if settings contradict each other
 */
export const mysqlOptions = (
  env: Environment,
  given: NodeJS.ProcessEnv,
  openTls: OpenTls,
): Options<MysqlOptions> & { replica: Address | undefined } => {
  const replicaOf = (port: number, openFor: (host: string) => Tls | undefined): Address | undefined => {
    const host = bare(env.DB_READ_HOST ?? '');
    return host ? { host, port: env.DB_READ_PORT ?? port, tls: openFor(host) } : undefined;
  };
  const unused =
    env.DB_READ_PORT !== undefined && !env.DB_READ_HOST ? ['DB_READ_PORT without DB_READ_HOST'] : [];
  const wish = { prefix: 'DB', switchOn: 'set DB_USE_SSL=true' } as const;
  if (!env.DATABASE_URL) {
    const { DB_HOST = '', DB_PORT: port = 3306, DB_USER: user = '', DB_PASS: password = '' } = env;
    const host = bare(DB_HOST);
    const openFor = (host: string) => openTls({ ...wish, isOn: env.DB_USE_SSL, host });
    const options = { host, port, user, password, database: env.DB_NAME ?? '', tls: openFor(host) };
    return { options, replica: replicaOf(port, openFor), ignored: unused };
  }
  const url = parseUrl('DATABASE_URL', env.DATABASE_URL);
  const { tls: asked, ignored, ...files } = readParameters('DATABASE_URL', url);
  if (given.DB_USE_SSL && asked !== undefined && asked !== env.DB_USE_SSL)
    throw new ConfigError(
      `DB_USE_SSL is ${env.DB_USE_SSL}, but DATABASE_URL asks for ${asked ? '' : 'no '}TLS: let them say the same.`,
    );
  if (url.password && env.DB_PASS_COMMAND)
    throw new ConfigError('DATABASE_URL has a password beside DB_PASS_COMMAND: keep one of them.');
  const account = {
    host: bare(url.hostname),
    port: url.port ? Number(url.port) : 3306,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password) || (env.DB_PASS ?? ''),
    database: decodeURIComponent(url.pathname.slice(1)),
  };
  const inUrl = { url: 'DATABASE_URL', ...files };
  const openFor = (host: string) => openTls({ ...wish, isOn: asked ?? env.DB_USE_SSL, host, inUrl });
  return {
    options: { ...account, tls: openFor(account.host) },
    replica: replicaOf(account.port, openFor),
    ignored: [...ignored, ...unused],
  };
};

/**
 * Where Redis is and how to connect.
 * @throws ConfigError with one sentence if settings are invalid or contradict each other
 */
export const redisOptions = (env: Environment, openTls: OpenTls): Options<RedisOptions> => {
  const url = parseUrl('REDIS_URL', env.REDIS_URL);
  const said = readParameters('REDIS_URL', url);
  const tls = url.protocol === 'rediss:';
  if (said.tls !== undefined && said.tls !== tls)
    throw new ConfigError(
      said.tls
        ? 'REDIS_URL asks for TLS behind ?: let it begin with rediss:// instead of redis://.'
        : 'REDIS_URL begins with rediss://, but asks for no TLS behind ?: let them say the same.',
    );
  const path = url.pathname.slice(1);
  if (said.db !== undefined && path && Number(path) !== said.db)
    throw new ConfigError(`REDIS_URL names database ${path} and ?db=${said.db}: let them say the same.`);
  if (url.password && env.REDIS_PASSWORD_COMMAND)
    throw new ConfigError('REDIS_URL has a password beside REDIS_PASSWORD_COMMAND: keep one of them.');
  const inUrl = { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  const username = inUrl.username || env.REDIS_USERNAME;
  const password = inUrl.password || env.REDIS_PASSWORD;
  if (username && !password && !env.REDIS_PASSWORD_COMMAND)
    throw new ConfigError(
      inUrl.username
        ? 'REDIS_URL names a user without a password: write redis://:password@host for a password alone.'
        : 'REDIS_USERNAME is set without a password: set REDIS_PASSWORD too.',
    );
  const beside = [
    ...(inUrl.username && env.REDIS_USERNAME && username !== env.REDIS_USERNAME ? ['REDIS_USERNAME'] : []),
    ...(inUrl.password && env.REDIS_PASSWORD && password !== env.REDIS_PASSWORD ? ['REDIS_PASSWORD'] : []),
  ].map((name) => `${name} beside that of REDIS_URL`);
  const host = bare(url.hostname);
  const options = {
    host,
    port: url.port ? Number(url.port) : 6379,
    username: username || undefined,
    password: password || undefined,
    db: said.db ?? Number(path || 0),
    cluster: env.REDIS_CLUSTER,
    tls: openTls({
      prefix: 'REDIS',
      isOn: tls,
      switchOn: 'let REDIS_URL begin with rediss://',
      host,
      inUrl: { url: 'REDIS_URL', ...said },
    }),
  };
  if (options.cluster && options.db !== 0)
    throw new ConfigError(
      `REDIS_URL names database ${options.db}, but a cluster (REDIS_CLUSTER=true) has database 0 only.`,
    );
  return { options, ignored: [...said.ignored, ...beside] };
};
