/**
 * TLS to a server: whom we trust, as whom we come, and for whom the server's certificate must be. It is always checked
 * that a trusted authority has signed it, and that it is for that host (RFC 6125; RFC 2818, 3.1 for an address).
 */
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, type SecureContext } from 'node:tls';
import { type NamedFile, systemAuthorities } from './authorities.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './environment.ts';
import { type OpenTlsFiles, openTlsFiles, type TlsFiles } from './tls-files.ts';

/** With what the names of a server's variables for TLS begin. */
export type TlsPrefix = 'DB' | 'REDIS' | 'MQ';

export interface Tls extends OpenTlsFiles {
  prefix: TlsPrefix;
  /** For whom the server's certificate must be, if not for the host to which we connect. */
  serverName: string | undefined;
  /** Whether we have a certificate of our own, for servers that want one. */
  hasCertificate: boolean;
  /** Whether Amazon's authorities for RDS are trusted too (db/tls.ts). */
  trustsRds: boolean;
}

/** What is known of a server before its files are read. */
export interface TlsWish {
  prefix: TlsPrefix;
  isOn: boolean;
  /** How TLS is switched on, as the end of a sentence. */
  switchOn: string;
  host?: string;
  /** What the server's URL says. */
  inUrl?: { url: string; caFile?: string; certFile?: string; keyFile?: string };
}

/**
 * Whether a host is an RDS, whose certificates are signed by Amazon's own authorities: as in
 * `db.abc.eu-west-1.rds.amazonaws.com`, `db.abc.rds.cn-north-1.amazonaws.com.cn`.
 */
const isRds = (host: string): boolean => /\.rds(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?\.?$/i.test(host);

const PARTS = ['CA', 'CERT', 'KEY'] as const;
const inUrl = { CA: 'caFile', CERT: 'certFile', KEY: 'keyFile' } as const;
/** How the parameters are called in the two URLs that have them. */
const parameters = {
  DB: { CA: 'ssl_ca', CERT: 'ssl_cert', KEY: 'ssl_key' },
  REDIS: { CA: 'ssl_ca_certs', CERT: 'ssl_certfile', KEY: 'ssl_keyfile' },
  MQ: { CA: 'cacertfile', CERT: 'certfile', KEY: 'keyfile' },
};

/** The file that a variable or a parameter names. @throws ConfigError if both do */
const named = (env: Environment, { prefix, inUrl: said }: TlsWish, part: (typeof PARTS)[number]) => {
  const variable = `${prefix}_TLS_${part}_FILE` as const;
  const file = env[variable];
  const fileInUrl = said?.[inUrl[part]];
  const setting = `${parameters[prefix][part]} in ${said?.url}`;
  if (file !== undefined && fileInUrl !== undefined)
    throw new ConfigError(`${variable} and ${setting} both name a file: let only one of them do so.`);
  if (file !== undefined) return { setting: variable, file };
  return fileInUrl === undefined ? undefined : { setting, file: fileInUrl };
};

/** A key may be in the same file as the certificate. @throws ConfigError if there is a key and no certificate */
const ownOf = (prefix: TlsPrefix, certificate: NamedFile | undefined, key: NamedFile | undefined) => {
  if (certificate) return { certificate, key: key ?? { ...certificate, setting: `${prefix}_TLS_KEY_FILE` } };
  if (key)
    throw new ConfigError(`${key.setting} is set without a certificate: set ${prefix}_TLS_CERT_FILE too.`);
  return undefined;
};

/**
 * Makes what opens the files of each server. Servers with the same files share them.
 * @param given the environment as it was given, for the variables that other programs have too
 * @returns a function that gives undefined for a server without TLS, and throws ConfigError with one sentence if a
 *   setting is wrong or a file cannot be used
 */
export const tlsOpener = (env: Environment, given: NodeJS.ProcessEnv) => {
  const opened = new Map<string, OpenTlsFiles>();
  const open = (files: TlsFiles): OpenTlsFiles => {
    const name = JSON.stringify(files);
    const found = opened.get(name) ?? openTlsFiles(files);
    opened.set(name, found);
    return found;
  };
  const extra = given.NODE_EXTRA_CA_CERTS;

  return (wish: TlsWish): Tls | undefined => {
    const { prefix, isOn, host = '' } = wish;
    const [authority, certificate, key] = PARTS.map((part) => named(env, wish, part));
    const serverName = env[`${prefix}_TLS_SERVER_NAME`];
    if (!isOn) {
      const setting =
        [authority, certificate, key].find((one) => one)?.setting ??
        (serverName === undefined ? undefined : `${prefix}_TLS_SERVER_NAME`) ??
        (prefix === 'DB' && env.DB_TLS_RDS ? 'DB_TLS_RDS' : undefined);
      if (setting) throw new ConfigError(`${setting} has no meaning without TLS: ${wish.switchOn}.`);
      return undefined;
    }
    const trustsRds = prefix === 'DB' && (env.DB_TLS_RDS || isRds(host) || isRds(serverName ?? ''));
    // Who names an authority does not want all those that browsers trust.
    const isDefault = !authority && !trustsRds;
    const system = isDefault ? systemAuthorities(given) : undefined;
    const files: TlsFiles = {
      mozillas: isDefault && !system,
      lists: [
        ...(system ? [system] : []),
        ...(extra ? [{ setting: 'NODE_EXTRA_CA_CERTS', file: extra }] : []),
      ],
      authority,
      own: ownOf(prefix, certificate, key),
    };
    return { prefix, serverName, hasCertificate: files.own !== undefined, trustsRds, ...open(files) };
  };
};

/** For whom the certificate of a server must be. */
export const identityOf = ({ serverName }: Tls, host: string): string => serverName ?? host;

/**
 * The options of `tls.connect` for a host. They may be used for any number of connections: each is made with what is in
 * the files then.
 */
export const tlsConnectOptions = (tls: Tls, host: string) => {
  const identity = identityOf(tls, host);
  const secureContext: SecureContext = {
    // What Node takes out of it for each connection.
    get context() {
      return tls.context().context;
    },
  };
  return {
    secureContext,
    // NODE_TLS_REJECT_UNAUTHORIZED, which others may have set for this machine, would switch the check off.
    rejectUnauthorized: true,
    // Neither an address nor a name's last dot may be in SNI (RFC 6066, 3).
    ...(isIP(identity) === 0 && { servername: identity.replace(/\.$/, '') }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(identity, certificate),
  } satisfies ConnectionOptions;
};
