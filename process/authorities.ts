/** Whose certificates a TLS connection trusts. */
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { ConfigError } from './config-error.ts';

/** Where Linux distributions, the BSDs and macOS keep theirs, as Go's crypto/x509 (root_linux.go, root_bsd.go) knows. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

const hasCertificate = (text: string): boolean => /-----BEGIN (TRUSTED )?CERTIFICATE-----/.test(text);

/**
 * Reads a file of authorities that somebody has asked for.
 * @param setting how the sentence names where it was asked for
 * @throws ConfigError with one sentence where it cannot be read or holds no certificate
 */
export const readAuthorities = (setting: string, file: string): string => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${setting} cannot be read: ${error instanceof Error ? error.message : error}.`);
  }
  if (hasCertificate(text)) return text;
  throw new ConfigError(`${setting} must be a file of certificates in PEM format, ${file} has none in it.`);
};

const systemBundle = (): string | undefined => {
  for (const file of systemBundles)
    try {
      const text = readFileSync(file, 'utf8');
      if (hasCertificate(text)) return text;
    } catch {
      // The next one.
    }
  return undefined;
};

/**
 * The authorities of the system (of `SSL_CERT_FILE`, where it is set, as for OpenSSL), or Node's own list of Mozilla's
 * where the system has none, and those of `NODE_EXTRA_CA_CERTS`. Node itself reads that variable only when it starts, too
 * early for one in `.env`, and never looks at the system's.
 * @throws ConfigError with one sentence where a file that is asked for cannot be read or holds no certificate
 */
export const authorities = (env: NodeJS.ProcessEnv): string[] => {
  const { SSL_CERT_FILE: file, NODE_EXTRA_CA_CERTS: extra } = env;
  const own = file ? readAuthorities('SSL_CERT_FILE', file) : systemBundle();
  return [
    ...(own === undefined ? rootCertificates : [own]),
    ...(extra ? [readAuthorities('NODE_EXTRA_CA_CERTS', extra)] : []),
  ];
};
