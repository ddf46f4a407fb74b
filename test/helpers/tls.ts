/** Servers with TLS: certificates of each kind, and what the service says of them. */
import { join } from 'node:path';
import { openLink } from '../../cache/link.ts';
import { openDatabase } from '../../db/client.ts';
import { freePort } from '../../ops/ports.ts';
import type { Config } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import type { Observer } from '../../process/observer.ts';
import { openConnection } from '../../queue/connection.ts';
import { type CertificateFiles, createAuthority } from '../../testbed/certificates.ts';
import { evaluate } from '../../testbed/rabbitmqctl.ts';
import { serversFolder } from './environment.ts';

const HERE = 'DNS:localhost,IP:127.0.0.1';

/** Makes certificates for servers, and for their clients, in folders below one. */
export const makeCertificates = (folder: string) => {
  const ours = createAuthority(join(folder, 'ours'), 'Ours');
  const theirs = createAuthority(join(folder, 'theirs'), 'Theirs');
  // As an authority has it that was made anew: the same name, and another key.
  const twin = createAuthority(join(folder, 'twin'), 'Ours');
  return {
    authority: ours.file,
    foreignAuthority: theirs.file,
    servers: {
      right: ours.certify('right', { names: HERE }),
      named: ours.certify('named', { names: 'DNS:localhost' }),
      other: ours.certify('other', { names: 'DNS:wrong.example,IP:127.0.0.2' }),
      expired: ours.certify('expired', { names: HERE, valid: ['20200101000000Z', '20210101000000Z'] }),
      future: ours.certify('future', { names: HERE, valid: ['20900101000000Z', '20910101000000Z'] }),
      foreign: theirs.certify('foreign', { names: HERE }),
      twin: twin.certify('twin', { names: HERE }),
      ofClient: ours.certify('of-client', { names: HERE, extension: 'extendedKeyUsage=clientAuth' }),
    },
    clients: {
      right: ours.certify('client'),
      foreign: theirs.certify('stranger'),
      expired: ours.certify('late', { valid: ['20200101000000Z', '20210101000000Z'] }),
    },
  };
};
export type Certificates = ReturnType<typeof makeCertificates>;
export type ServerCertificate = keyof Certificates['servers'];

/** The variables with which we show a certificate. */
export const showing = (prefix: string, { certificate, key }: CertificateFiles): NodeJS.ProcessEnv => ({
  [`${prefix}_TLS_CERT_FILE`]: certificate,
  [`${prefix}_TLS_KEY_FILE`]: key,
});

/** Hears the first that is told of a server: 'reached', or why it is not. */
const listener = () => {
  let tell = (_what: string) => {};
  const told = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const observer: Observer = {
    ...unobserved,
    serverReached: () => tell('reached'),
    serverLost: ({ reason }) => tell(reason),
    serverRefuses: ({ reason }) => tell(reason),
    serverSilent: () => tell('silent'),
  };
  return { observer, told };
};

/** Connects to a server as the processes of the service do. @returns what they tell of it first */
export const toldOf = {
  DB: async ({ mysql }: Config): Promise<string> => {
    const { observer, told } = listener();
    const database = openDatabase(mysql, observer, { connections: 1 });
    const first = await told;
    await database.close();
    return first;
  },
  REDIS: async (config: Config): Promise<string> => {
    const { observer, told } = listener();
    const link = openLink(config, { observer });
    const first = await told;
    await link.close();
    return first;
  },
  MQ: async ({ rabbitmq }: Config): Promise<string> => {
    const { observer, told } = listener();
    const connection = await openConnection(rabbitmq, observer, 'RabbitMQ', {
      setup: async () => {},
      lost: () => {},
    });
    const first = await told;
    await connection.close();
    return first;
  },
};

/** What is said of a server, with its name and place as in `Redis at 127.0.0.1:6379`. */
export const sentences = (prefix: 'DB' | 'REDIS' | 'MQ', place: string) => {
  const host = { DB: 'DB_HOST or DATABASE_URL', REDIS: 'REDIS_URL', MQ: 'RABBITMQ_HOST or RABBITMQ_URL' }[
    prefix
  ];
  const own = `${prefix}_TLS_CERT_FILE and ${prefix}_TLS_KEY_FILE`;
  const valid = `The certificate of ${place}, or of an authority that has signed it,`;
  return {
    untrusted: `The certificate of ${place} is not signed by an authority that is trusted here: let ${prefix}_TLS_CA_FILE name a file with its authority, up to the root.`,
    forOthers: (names: string, wanted: string) =>
      `The certificate of ${place} is for ${names}, not for ${wanted}: let ${host} have a name that is in the certificate, or set ${prefix}_TLS_SERVER_NAME to one.`,
    expired: `${valid} has expired: renew it on the server, and the authority's in ${prefix}_TLS_CA_FILE.`,
    future: new RegExp(
      `^${valid.replaceAll('.', '\\.')} is not valid yet: correct this machine's clock, .* ${prefix}_TLS_CA_FILE\\.$`,
    ),
    wantsOurs: `${place} wants a certificate of its clients: set ${own}.`,
    unfit: `The certificate of ${place} cannot be accepted (unsuitable certificate purpose): give the server another one, or correct the authority's in ${prefix}_TLS_CA_FILE.`,
    refusesOurs: new RegExp(
      `^${place.replaceAll('.', '\\.')} does not take our certificate, .*: let ${own} name one that it takes\\.$`,
    ),
  };
};

interface Listener extends CertificateFiles {
  /** A file with the authority of the clients' certificates. */
  authority: string;
  /** Whether clients must show theirs. */
  isMutual?: boolean;
}

/** Lets the RabbitMQ of this run listen for TLS too. @returns a port for each certificate */
export const listenOverTls = async (listeners: Listener[]): Promise<number[]> => {
  const ports = await Promise.all(listeners.map(() => freePort()));
  const calls = listeners.map(({ authority, certificate, key, isMutual }, i) => {
    const verify = isMutual ? ',{verify,verify_peer},{fail_if_no_peer_cert,true}' : '';
    const options = `[{cacertfile,"${authority}"},{certfile,"${certificate}"},{keyfile,"${key}"}${verify}]`;
    return `ok = rabbit_networking:start_ssl_listener(${ports[i]}, ${options}, 2)`;
  });
  await evaluate(join(serversFolder(), 'rabbitmq'), calls.join());
  return ports;
};
