/** Private servers that speak TLS too. All three have the same certificate, of an authority of their own. */
import { join } from 'node:path';
import { type CertificateFiles, createAuthority } from './certificates.ts';

export interface ServerCertificate extends CertificateFiles {
  /** A file with the authority that has signed it. */
  authority: string;
}

/** Makes a certificate for servers on this machine, with its authority. @param folder is made for all that */
export const makeServerCertificate = (folder: string): ServerCertificate => {
  const authority = createAuthority(join(folder, 'authority'));
  return {
    authority: authority.file,
    ...authority.certify('server', { names: 'DNS:localhost,IP:127.0.0.1' }),
  };
};

/** The options with which a MySQL speaks TLS, on the same port, to those clients that ask for it. */
export const mysqlOverTls = ({ authority, certificate, key }: ServerCertificate): string[] => [
  `--ssl-ca=${authority}`,
  `--ssl-cert=${certificate}`,
  `--ssl-key=${key}`,
];

/** The settings with which a Redis speaks TLS on another port. */
export const redisOverTls = ({ authority, certificate, key }: ServerCertificate, port: number) => ({
  'tls-port': `${port}`,
  'tls-ca-cert-file': authority,
  'tls-cert-file': certificate,
  'tls-key-file': key,
  'tls-auth-clients': 'no',
});

/** The lines with which a RabbitMQ speaks TLS on another port. */
export const rabbitmqOverTls = (
  { authority, certificate, key }: ServerCertificate,
  port: number,
): string[] => [
  `listeners.ssl.1 = 127.0.0.1:${port}`,
  `ssl_options.cacertfile = ${authority}`,
  `ssl_options.certfile = ${certificate}`,
  `ssl_options.keyfile = ${key}`,
];

/** The variables with which the service speaks TLS to all three, beside those that say where they are. */
export const overTls = ({ authority }: ServerCertificate): NodeJS.ProcessEnv => ({
  DB_USE_SSL: 'true',
  MQ_USE_SSL: 'true',
  DB_TLS_CA_FILE: authority,
  REDIS_TLS_CA_FILE: authority,
  MQ_TLS_CA_FILE: authority,
});
