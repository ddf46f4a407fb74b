/** Authorities of one's own, and certificates signed by them, made with openssl. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CertificateWish {
  /** For whom it is, as in `DNS:localhost,IP:127.0.0.1`. Those of clients need not say. */
  names?: string;
  /** When it becomes and ceases to be valid, as in `20300101000000Z`; by default it is valid now. */
  valid?: [from: string, to: string];
  /** Another extension, as in `extendedKeyUsage=clientAuth`. */
  extension?: string;
}

export interface CertificateFiles {
  certificate: string;
  key: string;
}

const openssl = (folder: string, ...args: string[]) =>
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** What `openssl ca` wants to be told: the one command of OpenSSL 3.0 that lets a certificate begin at another time. */
const SETTINGS = `
[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 2
policy = names
copy_extensions = copy
unique_subject = no
[names]
commonName = supplied
`;

/**
 * Makes an authority.
 * @param folder is made, for all files of the authority
 * @returns the file with its certificate, and what makes certificates that it signs
 */
export const createAuthority = (folder: string, name = 'authority') => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'ca.cnf'), SETTINGS);
  writeFileSync(join(folder, 'index'), '');
  openssl(
    folder,
    'req',
    '-x509',
    ...NEW_KEY,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  return {
    file: join(folder, 'ca.pem'),

    /** Makes a certificate, and a file with its key. */
    certify: (name: string, { names, valid, extension }: CertificateWish = {}): CertificateFiles => {
      const [certificate, key, request] = [`${name}.pem`, `${name}.key`, `${name}.csr`];
      const extensions = [names && `subjectAltName=${names}`, extension].flatMap((one) =>
        one ? ['-addext', one] : [],
      );
      openssl(
        folder,
        'req',
        ...NEW_KEY,
        '-subj',
        `/CN=${name}`,
        ...extensions,
        '-keyout',
        key,
        '-out',
        request,
      );
      const dates = valid ? ['-startdate', valid[0], '-enddate', valid[1]] : [];
      const signing = ['-config', 'ca.cnf', '-batch', '-notext', '-create_serial', ...dates];
      openssl(folder, 'ca', ...signing, '-in', request, '-out', certificate);
      return { certificate: join(folder, certificate), key: join(folder, key) };
    },
  };
};
