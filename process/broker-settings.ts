/** What the variables say about RabbitMQ: where it is, with which account and virtual host, with or without TLS. */
import { isIPv6 } from 'node:net';
import { ConfigError } from './config-error.ts';
import { readParameters } from './connection-urls.ts';
import type { Environment } from './environment.ts';
import type { Tls, tlsOpener } from './tls.ts';

export interface BrokerHost {
  hostname: string;
  port: number;
}
/** A list with one entry at the least. */
export type Some<T> = [T, ...T[]];

interface RabbitmqOptions {
  protocol: 'amqp' | 'amqps';
  /** Nodes of one cluster. They are tried in turn. */
  hosts: Some<BrokerHost>;
  username: string;
  password: string;
  vhost: string;
  /** Undefined without TLS. */
  tls: Tls | undefined;
}

/** Of each host its name or address, and its port if it has one of its own. */
type Named = { hostname: string; port: number | undefined };
/** What a URL says; what it leaves out is undefined. */
interface Url {
  tls: boolean;
  hosts: Named[];
  username: string | undefined;
  password: string | undefined;
  vhost: string | undefined;
  /** The authorities to trust, our own certificate, and its key. */
  caFile: string | undefined;
  certFile: string | undefined;
  keyFile: string | undefined;
  ignored: string[];
}

const HOSTS =
  'must be host names or IP addresses, separated by commas, each with or without :port (a URL belongs into RABBITMQ_URL), got a value that is not shown';
const INVALID_URL =
  'RABBITMQ_URL must be a valid URL such as amqp://user:password@host:5672/vhost, with %XX for special characters; its value is not shown.';

/** @returns undefined if the text is no host, or its port is none */
const hostIn = (text: string): Named | undefined => {
  if (isIPv6(text)) return { hostname: text, port: undefined };
  const [, address, name, digits] = /^(?:\[([^[\]]+)\]|([^\s:/@[\]]+))(?::(\d+))?$/.exec(text) ?? [];
  const hostname = address ?? name;
  const port = digits === undefined ? undefined : Number(digits);
  const isWrong = !hostname || (address && !isIPv6(address)) || port === 0 || (port ?? 1) > 65_535;
  return isWrong ? undefined : { hostname, port };
};

/** @throws whatever `refuse` throws if one of them is no host */
const hostsIn = (texts: string[], refuse: () => never): Named[] =>
  texts.map((text) => hostIn(text.trim()) ?? refuse());

const refuseUrl = (): never => {
  throw new ConfigError(INVALID_URL);
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuseUrl();
  }
};

/**
 * Splits what is before the path: `user:password@host:port`, or several hosts behind one account, or several of the
 * whole. A single account may have commas in its password.
 */
const splitAuthority = (authority: string): { account: string | undefined; host: string }[] => {
  const at = authority.lastIndexOf('@');
  const isOne = authority.indexOf('@') === at;
  const parts = isOne ? authority.slice(at + 1).split(',') : authority.split(',');
  const account = isOne && at >= 0 ? authority.slice(0, at) : undefined;
  return parts.map((part) => {
    const own = part.lastIndexOf('@');
    return own < 0 ? { account, host: part } : { account: part.slice(0, own), host: part.slice(own + 1) };
  });
};

/** @throws ConfigError if two of them differ */
const sameOf = <T>(values: (T | undefined)[], what: string): T | undefined => {
  const [first, ...others] = [...new Set(values.filter((value) => value !== undefined))];
  if (others.length === 0) return first;
  throw new ConfigError(
    `RABBITMQ_URL names several ${what}: its servers must be nodes of one cluster, with the same user, password, virtual host and TLS.`,
  );
};

/** As in https://www.rabbitmq.com/docs/uri-spec, but that an empty path counts as none, as with most clients. */
const readOne = (text: string): Url => {
  const parts = /^(amqps?):\/\/([^/?#\s]+)(?:\/([^?#@\s]*))?(\?[^#@\s]*)?(#.*)?$/i.exec(text);
  if (!parts) return refuseUrl();
  const [, scheme = '', authority = '', path = '', query = '', hash = ''] = parts;
  const tls = scheme.toLowerCase() === 'amqps';
  const said = readParameters('RABBITMQ_URL', new URL(`amqp://host/${query}${hash}`));
  if (said.tls !== undefined && said.tls !== tls)
    throw new ConfigError(
      tls
        ? 'RABBITMQ_URL begins with amqps://, but asks for no TLS behind ?: let them say the same.'
        : 'RABBITMQ_URL asks for TLS behind ?: let it begin with amqps:// instead of amqp://.',
    );
  const nodes = splitAuthority(authority);
  const account = sameOf(
    nodes.map((node) => node.account),
    'accounts',
  );
  const [username, ...password] = account?.split(':') ?? [];
  return {
    tls,
    hosts: hostsIn(
      nodes.map((node) => decoded(node.host)),
      refuseUrl,
    ),
    username: username ? decoded(username) : undefined,
    password: password.length > 0 ? decoded(password.join(':')) : undefined,
    vhost: path === '' ? undefined : decoded(path),
    caFile: said.caFile,
    certFile: said.certFile,
    keyFile: said.keyFile,
    ignored: said.ignored,
  };
};

/** @throws ConfigError with one sentence */
const readUrl = (text: string): Url => {
  const urls = text
    .trim()
    .split(/\s*[,;]\s*(?=amqps?:\/\/)/i)
    .map(readOne);
  const same = <K extends Exclude<keyof Url, 'hosts' | 'ignored'>>(name: K, what: string) =>
    sameOf(
      urls.map((url) => url[name]),
      what,
    );
  return {
    tls: same('tls', 'schemes') ?? false,
    hosts: urls.flatMap(({ hosts }) => hosts),
    username: same('username', 'accounts'),
    password: same('password', 'accounts'),
    vhost: same('vhost', 'virtual hosts'),
    caFile: same('caFile', 'files of authorities'),
    certFile: same('certFile', 'certificates'),
    keyFile: same('keyFile', 'keys'),
    ignored: [...new Set(urls.flatMap(({ ignored }) => ignored))],
  };
};

/** The variables that say by parts what RABBITMQ_URL says in one. */
const PARTS = [
  'RABBITMQ_HOST',
  'RABBITMQ_PORT',
  'RABBITMQ_USER',
  'RABBITMQ_PASSWORD',
  'RABBITMQ_VHOST',
  'MQ_USE_SSL',
];

/**
 * The variables of `.env` that count beside those of the environment: not those that say by other names where RabbitMQ
 * is, as `.env` has them from its example.
 */
export const besideBroker = (dotenv: NodeJS.ProcessEnv, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const isUrl = env.RABBITMQ_URL || env.RABBITMQ_URL_FILE;
  const overruled = isUrl ? PARTS : env.RABBITMQ_HOST ? ['RABBITMQ_URL'] : [];
  const isOverruled = (name: string) => overruled.includes(name.replace(/_(FILE|COMMAND)$/, ''));
  return Object.fromEntries(Object.entries(dotenv).filter(([name]) => !isOverruled(name)));
};

/** Some read the name of the virtual host / where it is part of a URL. */
const vhostIn = (text: string): string => (/^%2f$/i.test(text) ? '/' : text);

const hostsOf = (text: string): Named[] =>
  hostsIn(text.split(','), () => {
    throw new ConfigError(`RABBITMQ_HOST ${HOSTS}.`);
  });

/**
 * Checks that variables which are set beside RABBITMQ_URL say the same as it does.
 * @throws ConfigError with one sentence that names both
 */
const checkBeside = (url: Url, env: Environment, given: NodeJS.ProcessEnv, defaultPort: number) => {
  const { RABBITMQ_PORT: port } = env;
  const names = (hosts: Named[]) =>
    hosts.map((host) => `${host.hostname.toLowerCase()}:${host.port ?? defaultPort}`).join();
  if (given.MQ_USE_SSL && env.MQ_USE_SSL !== url.tls)
    throw new ConfigError(
      `MQ_USE_SSL is ${env.MQ_USE_SSL}, but RABBITMQ_URL begins with ${url.tls ? 'amqps' : 'amqp'}://: let them say the same.`,
    );
  const isOther = (name: 'RABBITMQ_USER' | 'RABBITMQ_PASSWORD', said: string | undefined) =>
    given[name] && said !== undefined && env[name] !== said;
  const differs: Record<string, [boolean | string | undefined, string]> = {
    RABBITMQ_HOST: [
      given.RABBITMQ_HOST && names(hostsOf(env.RABBITMQ_HOST)) !== names(url.hosts),
      'name different servers',
    ],
    RABBITMQ_PORT: [
      port !== undefined && url.hosts.some((host) => host.port !== undefined && host.port !== port),
      'name different ports',
    ],
    RABBITMQ_USER: [isOther('RABBITMQ_USER', url.username), 'name different users'],
    RABBITMQ_PASSWORD: [isOther('RABBITMQ_PASSWORD', url.password), 'have different passwords'],
    RABBITMQ_VHOST: [
      env.RABBITMQ_VHOST && url.vhost !== undefined && vhostIn(env.RABBITMQ_VHOST) !== url.vhost,
      'name different virtual hosts',
    ],
  };
  for (const [name, [isDifferent, what]] of Object.entries(differs))
    if (isDifferent)
      throw new ConfigError(
        `${name} and RABBITMQ_URL ${what}: take one of the two out, or let them say the same.`,
      );
};

/**
 * Where RabbitMQ is and how to connect. What RABBITMQ_URL leaves out is taken from the other variables.
 * @param given the environment as it was given, to see which variables are set
 * @returns also the parameters of the URL that have no meaning here
 * @throws ConfigError with one sentence if a setting is invalid, or two contradict each other
 */
export const rabbitmqOptions = (
  env: Environment,
  given: NodeJS.ProcessEnv,
  openTls: ReturnType<typeof tlsOpener>,
): { options: RabbitmqOptions; ignored: string[] } => {
  const url = env.RABBITMQ_URL === undefined ? undefined : readUrl(env.RABBITMQ_URL);
  const tls = url?.tls ?? env.MQ_USE_SSL;
  const port = env.RABBITMQ_PORT ?? (tls ? 5671 : 5672);
  if (url) checkBeside(url, env, given, port);
  if (url?.password !== undefined && env.RABBITMQ_PASSWORD_COMMAND)
    throw new ConfigError('RABBITMQ_URL has a password beside RABBITMQ_PASSWORD_COMMAND: keep one of them.');
  const named = url?.hosts ?? hostsOf(env.RABBITMQ_HOST);
  const [first, ...others] = named.map((host) => ({ ...host, port: host.port ?? port }));
  if (!first) throw new ConfigError(`RABBITMQ_HOST ${HOSTS}.`);
  const { caFile, certFile, keyFile } = url ?? {};
  return {
    options: {
      protocol: tls ? 'amqps' : 'amqp',
      hosts: [first, ...others],
      username: url?.username ?? env.RABBITMQ_USER,
      password: url?.password ?? env.RABBITMQ_PASSWORD ?? 'guest',
      vhost: url?.vhost ?? vhostIn(env.RABBITMQ_VHOST ?? '/'),
      tls: openTls({
        prefix: 'MQ',
        isOn: tls,
        switchOn: url ? 'let RABBITMQ_URL begin with amqps://' : 'set MQ_USE_SSL=true',
        inUrl: {
          url: 'RABBITMQ_URL',
          ...(caFile && { caFile }),
          ...(certFile && { certFile }),
          ...(keyFile && { keyFile }),
        },
      }),
    },
    ignored: url?.ignored ?? [],
  };
};
