/**
 * Why a connection over TLS was refused, by the server or by us, in one sentence: which server, what is wrong, and
 * which variable mends it. What OpenSSL says names none of that.
 */
import type { Tls, TlsPrefix } from './tls.ts';
import { wordsOf } from './tls-files.ts';

/** A server to which we connect. */
export interface Peer {
  /** With what the names of its variables begin. */
  prefix: TlsPrefix;
  host: string;
  port: number;
  tls: Tls | undefined;
}

/** TLS is refused, and the message says why. Somebody has to mend it; `cause` is the error of the library. */
export class TlsRefusal extends Error {}

/** How a server is called, and its variables; `on` and `off` switch TLS on and off, and end a sentence. */
const settings = {
  DB: {
    server: 'MySQL',
    host: 'DB_HOST or DATABASE_URL',
    port: 'the port in DB_PORT or DATABASE_URL',
    on: 'set DB_USE_SSL=true',
    off: 'set DB_USE_SSL=false',
  },
  REDIS: {
    server: 'Redis',
    host: 'REDIS_URL',
    port: 'the port in REDIS_URL',
    on: 'let REDIS_URL begin with rediss://',
    off: 'let it begin with redis://',
  },
  MQ: {
    server: 'RabbitMQ',
    host: 'RABBITMQ_HOST or RABBITMQ_URL',
    port: 'the port in RABBITMQ_PORT or RABBITMQ_URL',
    on: 'set MQ_USE_SSL=true, or let RABBITMQ_URL begin with amqps://',
    off: 'set MQ_USE_SSL=false',
  },
};

/** A server by its name and place, as sentences have it. */
export const placeOf = ({ prefix, host, port }: Peer): string =>
  `${settings[prefix].server} at ${host.includes(':') ? `[${host}]` : host}:${port}`;

/** What an alert of the server means for our certificate (RFC 8446, 6.2). */
const alerts: Record<number, string> = {
  42: 'it does not trust it',
  43: 'it is not of a kind that it takes',
  44: 'it is revoked',
  45: 'it has expired',
  46: 'it does not say why',
  48: 'it does not know its authority',
  49: 'it is not for this',
  51: 'its authority has not signed it',
};
const CERTIFICATE_REQUIRED = 116;
const HANDSHAKE_FAILURE = 40;
const PROTOCOL_VERSION = 70;

const LONGEST_NAMES = 200;
/** For whom a certificate is, as far as it says so. */
const namesIn = (certificate: unknown): string => {
  const { subjectaltname: names, subject } = Object(certificate);
  const found =
    typeof names === 'string' ? names.replaceAll(/(DNS|IP Address):/g, '') : String(Object(subject).CN ?? '');
  return found ? found.slice(0, LONGEST_NAMES) : 'nobody';
};

type Refusal = (peer: Peer & { tls: Tls }, error: Error) => string;

/** Where Amazon has all of its authorities for RDS (UsingWithRDS.SSL in its user guide, also of China). */
const bundleFor = (host: string): string => {
  if (/\.cn\.?$/i.test(host)) return 'rds-truststore.s3.cn-north-1.amazonaws.com.cn';
  return /us-gov-/i.test(host)
    ? 'truststore.pki.us-gov-west-1.rds.amazonaws.com'
    : 'truststore.pki.rds.amazonaws.com';
};

const isNotTrusted: Refusal = (peer) => {
  const { prefix, tls, host } = peer;
  const bundle = `https://${bundleFor(tls.serverName ?? host)}/global/global-bundle.pem`;
  const amazons = tls.trustsRds ? ` (for RDS, ${bundle} has all of them)` : '';
  return `The certificate of ${placeOf(peer)} is not signed by an authority that is trusted here: let ${prefix}_TLS_CA_FILE name a file with its authority, up to the root${amazons}.`;
};
const isForAnother: Refusal = (peer, error) => {
  const { prefix, tls, host } = peer;
  const names = namesIn('cert' in error ? error.cert : undefined);
  const how = tls.serverName
    ? `correct ${prefix}_TLS_SERVER_NAME`
    : `let ${settings[prefix].host} have a name that is in the certificate, or set ${prefix}_TLS_SERVER_NAME to one`;
  return `The certificate of ${placeOf(peer)} is for ${names}, not for ${tls.serverName ?? host}: ${how}.`;
};
const hasExpired: Refusal = (peer) =>
  `The certificate of ${placeOf(peer)}, or of an authority that has signed it, has expired: renew it on the server, and the authority's in ${peer.prefix}_TLS_CA_FILE.`;
const isNotYetValid: Refusal = (peer) =>
  `The certificate of ${placeOf(peer)}, or of an authority that has signed it, is not valid yet: correct this machine's clock, which says ${new Date().toISOString()}, or the certificate on the server, or the authority's in ${peer.prefix}_TLS_CA_FILE.`;
const speaksNone = (peer: Peer): string =>
  `${placeOf(peer)} does not speak TLS on that port: correct ${settings[peer.prefix].port}, or ${settings[peer.prefix].off} if nobody can listen on the way.`;
const wantsOurs: Refusal = (peer) =>
  `${placeOf(peer)} wants a certificate of its clients: set ${peer.prefix}_TLS_CERT_FILE and ${peer.prefix}_TLS_KEY_FILE.`;
const refusesOurs =
  (why: string): Refusal =>
  (peer) =>
    `${placeOf(peer)} does not take our certificate, ${why}: let ${peer.prefix}_TLS_CERT_FILE and ${peer.prefix}_TLS_KEY_FILE name one that it takes.`;
const hasOtherVersion: Refusal = (peer) =>
  `${placeOf(peer)} speaks only versions of TLS that are not safe any more: let it speak TLS 1.2 or 1.3.`;

/** A port of a server to which we speak without TLS speaks it. */
export const onlyTls = (peer: Peer): TlsRefusal =>
  new TlsRefusal(`${placeOf(peer)} speaks TLS on that port: ${settings[peer.prefix].on}.`);
/** A port of a server to which we speak TLS answers without. */
export const noTls = (peer: Peer): TlsRefusal => new TlsRefusal(speaksNone(peer));

/** What Node, OpenSSL and mysql2 say, by their codes and (as mysql2 hides the code) by their words. */
const table: [said: RegExp, refusal: Refusal][] = [
  [/ALTNAME_INVALID|does not match certificate's altnames/, isForAnother],
  [/CERT_HAS_EXPIRED|certificate has expired/, hasExpired],
  [/CERT_NOT_YET_VALID|certificate is not yet valid/, isNotYetValid],
  [
    /SELF_SIGNED|self.signed cert|UNABLE_TO_(VERIFY|GET)|unable to (verify|get)|CERT_(SIGNATURE_FAILURE|UNTRUSTED|REJECTED)|certificate (signature failure|not trusted|rejected)|INVALID_CA|invalid CA/,
    isNotTrusted,
  ],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|HANDSHAKE_NO_SSL_SUPPORT/, speaksNone],
  [/UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE/, hasOtherVersion],
];

const ofAlert = (alert: number, hasOurs: boolean): Refusal | undefined => {
  if (alert === PROTOCOL_VERSION) return hasOtherVersion;
  if (alert === CERTIFICATE_REQUIRED) return wantsOurs;
  if (hasOurs) return alerts[alert] === undefined ? undefined : refusesOurs(alerts[alert]);
  // Before TLS 1.3 this is all that a server says if it wants a certificate and gets none.
  return alert === HANDSHAKE_FAILURE || alert in alerts ? wantsOurs : undefined;
};

/** Codes of OpenSSL's and Node's errors of TLS, and of what Node finds wrong with a certificate (tls.html). */
const OF_TLS = /^(ERR_SSL_|ERR_TLS_)/;
const OF_CERTIFICATE =
  /^(CERT_|CRL_|UNABLE_TO_|ERROR_IN_C|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|UNSPECIFIED)/;

/** Whether the connection was lost during the handshake, which mysql2 gives the same code as all that fails in it. */
const isOfSocket = (error: Error): boolean =>
  'syscall' in error || error.message.includes('before secure TLS connection was established');

const sentenceFor = (error: Error, peer: Peer & { tls: Tls }): string | undefined => {
  const code = 'code' in error ? String(error.code) : '';
  const said = `${code} ${error.message}`;
  const [, alert] = /SSL alert number (\d+)/.exec(error.message) ?? [];
  const refusal =
    alert === undefined
      ? table.find(([pattern]) => pattern.test(said))?.[1]
      : ofAlert(Number(alert), peer.tls.hasCertificate);
  if (refusal) return refusal(peer, error);
  const isMysql2s = code === 'HANDSHAKE_SSL_ERROR' && !isOfSocket(error);
  if (OF_CERTIFICATE.test(code) || (isMysql2s && !('library' in error)))
    return `The certificate of ${placeOf(peer)} cannot be accepted (${wordsOf(error)}): give the server another one, or correct the authority's in ${peer.prefix}_TLS_CA_FILE.`;
  if (!OF_TLS.test(code) && !isMysql2s) return undefined;
  return `TLS with ${placeOf(peer)} fails (${wordsOf(error)}): compare the versions and ciphers that the server takes, and ${peer.prefix}_TLS_CERT_FILE if it is set.`;
};

/**
 * Says of an error of a connection why TLS was refused.
 * @returns the error with that sentence, or the same error if it is not about TLS
 */
export const explainTls = (error: unknown, peer: Peer): unknown => {
  if (!(error instanceof Error) || error instanceof TlsRefusal || !peer.tls) return error;
  const sentence = sentenceFor(error, { ...peer, tls: peer.tls });
  if (sentence === undefined) return error;
  const problem = peer.tls.problem();
  // What is on the disk may be right, or wrong in another way.
  const stale = problem === undefined ? '' : ` The files were changed and are not used: ${problem}`;
  return new TlsRefusal(sentence + stale, { cause: error });
};
