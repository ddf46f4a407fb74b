/** Whose certificates a TLS connection trusts. */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

/** Where Linux, the BSDs and macOS keep their authorities, from Go's crypto/x509 (root_linux.go, root_bsd.go). */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;
const CERTIFICATES = new RegExp(`${CERTIFICATE.source}.*?-----END [A-Z0-9 ]+-----`, 'gs');

/** A file, and how a sentence names the setting that names it. */
export interface NamedFile {
  setting: string;
  file: string;
}

/** The text of a file. @throws ConfigError with one sentence if it cannot be read */
export const readNamed = ({ setting, file }: NamedFile): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${setting} cannot be read: ${error instanceof Error ? error.message : error}.`);
  }
};

const hasNone = ({ setting, file }: NamedFile): ConfigError =>
  new ConfigError(`${setting} must be a file of certificates in PEM format, ${file} has none in it.`);

/**
 * The certificates in a text in PEM format.
 * @throws ConfigError with one sentence if there are none, or if one of them is damaged
 */
export const certificatesIn = (text: string, named: NamedFile): X509Certificate[] => {
  const blocks = text.match(CERTIFICATES) ?? [];
  if (blocks.length === 0) throw hasNone(named);
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new ConfigError(
        `${named.setting} names ${named.file}, whose certificate number ${i + 1} is damaged.`,
      );
    }
  });
};

/**
 * The text of a file with a list of authorities, as long as a system's: to look into each of its certificates would
 * take some 0.2 s of CPU.
 * @throws ConfigError with one sentence if it cannot be read or has no certificate in it
 */
export const readList = (named: NamedFile): string => {
  const text = readNamed(named);
  if (text.search(CERTIFICATE) < 0) throw hasNone(named);
  return text;
};

/**
 * The file with the authorities to trust by default: the system's (if `SSL_CERT_FILE` is set, that file, as with
 * OpenSSL). Node itself never looks at it.
 * @returns undefined if the system has none
 */
export const systemAuthorities = ({ SSL_CERT_FILE }: NodeJS.ProcessEnv): NamedFile | undefined => {
  if (SSL_CERT_FILE) return { setting: 'SSL_CERT_FILE', file: SSL_CERT_FILE };
  const file = systemBundles.find((bundle) => existsSync(bundle));
  return file === undefined ? undefined : { setting: "The system's list of authorities", file };
};
