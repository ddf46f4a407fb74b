/** Reads what TLS needs from files, and again once they have changed: certificates are renewed while we run. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { statSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { certificatesIn, type NamedFile, readList, readNamed } from './authorities.ts';
import { ConfigError } from './config-error.ts';

export interface TlsFiles {
  /** Whether to trust Mozilla's list, which comes with Node.js. */
  mozillas: boolean;
  /** Lists of authorities, which may be long. */
  lists: NamedFile[];
  /** A file of authorities that somebody has named for this server. */
  authority: NamedFile | undefined;
  /** Our own certificate with the chain that leads to it, and its key. */
  own: { certificate: NamedFile; key: NamedFile } | undefined;
}

/** What is in the files, in PEM format. As long as they do not change, it is the same object. */
export interface TlsMaterial {
  ca: readonly string[];
  cert: string | undefined;
  key: string | undefined;
}

/** What OpenSSL says in an error, without the numbers and files around it. */
export const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message.trim();
};

const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
/** In the first line of a key, or (in older ones) in the second. */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

const readKey = (text: string, { setting, file }: NamedFile): KeyObject => {
  if (!KEY.test(text))
    throw new ConfigError(
      `${setting} must be a file with a private key in PEM format, ${file} has none in it.`,
    );
  if (ENCRYPTED.test(text))
    throw new ConfigError(
      `${setting} names ${file}, whose key is encrypted: write it without a passphrase, with openssl pkey.`,
    );
  try {
    return createPrivateKey(text);
  } catch {
    throw new ConfigError(`${setting} names ${file}, whose key is damaged.`);
  }
};

/** @throws ConfigError with one sentence if one of the two is unusable, or they do not fit */
const readOwn = ({ certificate, key }: NonNullable<TlsFiles['own']>) => {
  const texts = { cert: readNamed(certificate), key: readNamed(key) };
  const [leaf] = certificatesIn(texts.cert, certificate);
  if (key.file === certificate.file && !KEY.test(texts.key))
    throw new ConfigError(
      `There is no key in ${certificate.file}, which ${certificate.setting} names: let ${key.setting} name the file that has it.`,
    );
  if (!leaf?.checkPrivateKey(readKey(texts.key, key)))
    throw new ConfigError(
      `The key in ${key.file} does not fit the certificate in ${certificate.file}: ${key.setting} and ${certificate.setting} must be a pair.`,
    );
  try {
    createSecureContext(texts);
  } catch (error) {
    throw new ConfigError(
      `${certificate.setting} names ${certificate.file}, which cannot be used: ${wordsOf(error)}.`,
    );
  }
  return texts;
};

const readAuthority = (named: NamedFile): string => {
  const text = readNamed(named);
  certificatesIn(text, named);
  return text;
};

const read = ({ mozillas, lists, authority, own }: TlsFiles): TlsMaterial => ({
  ca: [
    ...(authority ? [readAuthority(authority)] : []),
    ...(mozillas ? rootCertificates : []),
    ...lists.map(readList),
  ],
  ...(own ? readOwn(own) : { cert: undefined, key: undefined }),
});

const stampOfFile = ({ file }: NamedFile): string => {
  try {
    const { dev, ino, size, ctimeMs } = statSync(file);
    return `${dev} ${ino} ${size} ${ctimeMs}`;
  } catch {
    return '';
  }
};
/** What differs once a file has another content, also where a link leads to another file, as in Kubernetes. */
const stampOf = ({ lists, authority, own }: TlsFiles): string =>
  [...lists, authority, own?.certificate, own?.key].map((named) => named && stampOfFile(named)).join();

/** What files say at present. */
export interface OpenTlsFiles {
  /** While the files cannot be used it is what they said before: a certificate may be there before its key. */
  material(): TlsMaterial;
  /** With the present material. To make one from a system's list takes some 0.2 s of CPU, so it is made once. */
  context(): SecureContext;
  /** Why the present files cannot be used, in a sentence; undefined if they can. */
  problem(): string | undefined;
}

/** Reads the files. @throws ConfigError with one sentence if they cannot be used from the beginning */
export const openTlsFiles = (files: TlsFiles): OpenTlsFiles => {
  let stamp = stampOf(files);
  let material = read(files);
  let context: SecureContext | undefined;
  let problem: string | undefined;
  const current = (): TlsMaterial => {
    const now = stampOf(files);
    if (now === stamp) return material;
    stamp = now;
    try {
      material = read(files);
      context = undefined;
      problem = undefined;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    return material;
  };
  return {
    material: current,
    context: () => {
      const { ca, cert, key } = current();
      context ??= createSecureContext({ ca: [...ca], cert, key });
      return context;
    },
    problem: () => problem,
  };
};
