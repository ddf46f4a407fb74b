/** Whose certificates a TLS connection trusts. */
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { ConfigError } from './config-error.ts';

/** Where Linux, the BSDs and macOS keep their authorities, from Go's crypto/x509 (root_linux.go, root_bsd.go). */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

const hasCertificate = (text: string): boolean => /-----BEGIN (TRUSTED )?CERTIFICATE-----/.test(text);

/**
 * Reads a file of authorities that a setting names.
 * @param setting how the error's sentence names that setting
 * @returns the text of the file, in PEM format
 * @throws ConfigError with one sentence if the file cannot be read or has no certificate in it
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
 * The authorities to trust: those of the system (if `SSL_CERT_FILE` is set, those in that file, as with OpenSSL), or
 * Node's copy of Mozilla's list if the system has none; and those of `NODE_EXTRA_CA_CERTS`. Node itself reads that
 * variable only when it starts, which is too early if it is in `.env`, and never looks at the system's authorities.
 * @returns texts in PEM format
 * @throws ConfigError with one sentence if a file that a variable names cannot be read or has no certificate in it
 */
export const authorities = (env: NodeJS.ProcessEnv): string[] => {
  const { SSL_CERT_FILE: file, NODE_EXTRA_CA_CERTS: extra } = env;
  const own = file ? readAuthorities('SSL_CERT_FILE', file) : systemBundle();
  return [
    ...(own === undefined ? rootCertificates : [own]),
    ...(extra ? [readAuthorities('NODE_EXTRA_CA_CERTS', extra)] : []),
  ];
};
