/**
 * Reads what the URLs of MySQL, Redis and RabbitMQ say behind `?`, in the words of the clients for Python. A parameter is
 * understood, or has no meaning here (then the log says so), or is refused with a sentence that says what to write
 * instead.
 */
import { ConfigError } from './config-error.ts';

export interface Said {
  /** True if the URL asks for TLS, false if it asks for none, absent if it does not say. */
  tls?: boolean;
  /** A file with the authorities to trust, our own certificate, and its key. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  /** The number of a database of Redis. */
  db?: number;
  /** Parameters without a meaning here. */
  ignored: string[];
}

/** What a value says, or what is wrong with it: `refused` ends a sentence that begins with the parameter's name. */
type Answer = (Omit<Said, 'ignored'> & { refused?: undefined }) | { refused: string } | 'ignored';
type Reading = (value: string) => Answer;

const words = new Map([
  ...['true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, false] as const),
]);
const flag =
  (read: (on: boolean) => Answer): Reading =>
  (value) => {
    const on = words.get(value.toLowerCase());
    return on === undefined ? { refused: 'must be true or false' } : read(on);
  };
const refused =
  (sentence: string): Reading =>
  () => ({ refused: sentence });
const ignored: Reading = () => 'ignored';

const tls = flag((on) => ({ tls: on }));
const verified = flag((on) =>
  on
    ? { tls: true }
    : { refused: 'must be true: the certificate and the name of a server are always checked' },
);
const file =
  (name: 'caFile' | 'certFile' | 'keyFile'): Reading =>
  (value) =>
    value ? { tls: true, [name]: value } : { refused: 'must be the path of a file in PEM format' };
const caFile = file('caFile');
const certFile = file('certFile');
const keyFile = file('keyFile');

/** The parameters of MySQL by name, in lower case and without `_` and `-`, as clients differ in these. */
const ofMysql: Record<string, Reading> = {
  charset: (value) =>
    /^utf-?8(mb[34])?$/i.test(value) ? {} : { refused: 'must be utf8mb4: all text is stored so' },
  useunicode: flag((on) => (on ? {} : { refused: 'must be true: all text is Unicode' })),
  ssl: tls,
  tls,
  usessl: tls,
  requiressl: tls,
  ssldisabled: flag((on) => (on ? { tls: false } : {})),
  sslmode: (value) => {
    const mode = value.toLowerCase().replaceAll('-', '_');
    if (['required', 'verify_ca', 'verify_identity'].includes(mode)) return { tls: true };
    if (mode === 'disabled') return { tls: false };
    return {
      refused: 'must be VERIFY_IDENTITY or DISABLED (REQUIRED and VERIFY_CA check as much as the first)',
    };
  },
  sslca: caFile,
  sslverifycert: verified,
  sslverifyidentity: verified,
  sslcheckhostname: verified,
  verifyservercertificate: verified,
  sslcert: certFile,
  sslkey: keyFile,
  unixsocket: refused('is not supported: MySQL is reached over TCP, write its host and port'),
  connecttimeout: ignored,
  readtimeout: ignored,
  writetimeout: ignored,
  connectiontimeout: ignored,
  connectionlimit: ignored,
  poolsize: ignored,
  maxoverflow: ignored,
  poolrecycle: ignored,
  pooltimeout: ignored,
  poolpreping: ignored,
  binaryprefix: ignored,
  usepure: ignored,
  autocommit: ignored,
  collation: ignored,
  raiseonwarnings: ignored,
  localinfile: ignored,
  authplugin: ignored,
};

const credentials = refused('must stand before the host: write redis://user:password@host');
const ofRedis: Record<string, Reading> = {
  db: (value) => (/^\d{1,9}$/.test(value) ? { db: Number(value) } : { refused: 'must be a number' }),
  ssl: tls,
  sslcertreqs: (value) =>
    /^(cert_)?required$/i.test(value)
      ? { tls: true }
      : {
          refused:
            'must be required: the certificate of a server is always checked, with ssl_ca_certs=/path/to/ca.pem against an authority of your own',
        },
  sslcheckhostname: verified,
  sslcacerts: caFile,
  sslcertfile: certFile,
  sslkeyfile: keyFile,
  username: credentials,
  password: credentials,
  decoderesponses: ignored,
  encoding: ignored,
  protocol: ignored,
  clientname: ignored,
  timeout: ignored,
  sockettimeout: ignored,
  socketconnecttimeout: ignored,
  socketkeepalive: ignored,
  healthcheckinterval: ignored,
  maxconnections: ignored,
  retryontimeout: ignored,
};

/** Those of https://www.rabbitmq.com/docs/uri-query-parameters, of pika and of amqplib. */
const ofRabbitmq: Record<string, Reading> = {
  cacertfile: caFile,
  certfile: certFile,
  keyfile: keyFile,
  verify: (value) =>
    value.toLowerCase() === 'verify_peer'
      ? { tls: true }
      : { refused: 'must be verify_peer: the certificate and the name of a server are always checked' },
  ssl: tls,
  ssloptions: refused('is not supported: let the URL begin with amqps:// for TLS'),
  servernameindication: refused('is not supported: it is the name of the host'),
  authmechanism: (value) =>
    /^(plain|amqplain)$/i.test(value) ? {} : { refused: 'must be PLAIN: the account uses a password' },
  heartbeat: ignored,
  heartbeatinterval: ignored,
  connectiontimeout: ignored,
  connecttimeout: ignored,
  blockedconnectiontimeout: ignored,
  sockettimeout: ignored,
  stacktimeout: ignored,
  tcpoptions: ignored,
  clientproperties: ignored,
  connectionattempts: ignored,
  retrydelay: ignored,
  channelmax: ignored,
  framemax: ignored,
  locale: ignored,
  depth: ignored,
  nodelay: ignored,
};

const parametersOf = { DATABASE_URL: ofMysql, REDIS_URL: ofRedis, RABBITMQ_URL: ofRabbitmq };

/** The name of a parameter in a sentence. A text that cannot be a name may be part of a password, and is not shown. */
const shownName = (name: string): string =>
  /^[a-z][\w.-]{0,39}$/i.test(name) ? `parameter ${name}` : 'part behind ?';

/**
 * Reads the parameters of a URL.
 * @throws ConfigError with one sentence that names the parameter, never a value
 */
export const readParameters = (setting: keyof typeof parametersOf, url: URL): Said => {
  const known = new Map(Object.entries(parametersOf[setting]));
  const said: Said = { ignored: [] };
  const refuse = (what: string, sentence: string): never => {
    throw new ConfigError(`The ${what} of ${setting} ${sentence}.`);
  };
  if (url.hash) refuse('part behind #', 'has no meaning: take it out, or write # as %23');
  for (const [name, value] of url.searchParams) {
    const read = known.get(name.toLowerCase().replaceAll(/[-_]/g, ''));
    const answer = read?.(value) ?? { refused: 'is not known here: take it out of the URL' };
    if (answer === 'ignored') said.ignored.push(`${name} in ${setting}`);
    else if (answer.refused !== undefined) refuse(shownName(name), answer.refused);
    else {
      if (said.tls !== undefined && answer.tls !== undefined && said.tls !== answer.tls)
        refuse(shownName(name), 'contradicts another one: say only once whether to use TLS');
      Object.assign(said, answer);
    }
  }
  return said;
};
