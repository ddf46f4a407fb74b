/** An answer to GET /orders: its bytes, and what is made from them once. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip, type ZlibOptions } from 'node:zlib';
import type { Coding } from './negotiation.ts';

/** About what an answer takes beside its bytes. */
const OVERHEAD_BYTES = 1_024;

const toBrotli = promisify(brotliCompress);
const toGzip = promisify<Buffer, ZlibOptions, Buffer>(gzip);
const compress: Record<Coding, (bytes: Buffer) => Promise<Buffer>> = {
  br: (bytes) =>
    toBrotli(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  gzip: (bytes) => toGzip(bytes, { level: 6 }),
};

export interface ListAnswer {
  /** The normalised query. */
  readonly key: string;
  readonly body: Buffer;
  /** A weak one (RFC 9110, 8.8.1): the same for all codings of the same bytes. */
  readonly etag: string;
  /** The next page, relative to the URL of this one. */
  readonly next: string | undefined;
  readonly codings: Map<Coding, Promise<Buffer>>;
  /** What it takes in memory. */
  bytes: number;
}

/** In memory of its own: a slice of a larger one, as Node makes for small buffers, would keep all of that. */
const concat = (chunks: Buffer[]): Buffer => {
  const whole = Buffer.allocUnsafeSlow(chunks.reduce((bytes, chunk) => bytes + chunk.length, 0));
  let end = 0;
  for (const chunk of chunks) end += chunk.copy(whole, end);
  return whole;
};

/** `next` is a page's last member, and within a text its quotes would have backslashes. */
const NEXT = ',"next":';
const nextOf = (body: Buffer): string | undefined => {
  const at = body.lastIndexOf(NEXT);
  return at < 0
    ? undefined
    : (JSON.parse(body.toString('utf8', at + NEXT.length, body.length - 1)) ?? undefined);
};

/** @param chunks the body, as list-build.ts makes it */
export const createAnswer = (key: string, chunks: Buffer[]): ListAnswer => {
  const body = concat(chunks);
  return {
    key,
    body,
    etag: `W/"${createHash('sha1').update(body).digest('base64url')}"`,
    next: nextOf(body),
    codings: new Map(),
    bytes: body.length + OVERHEAD_BYTES,
  };
};

/**
 * The body in a coding, compressed once.
 * @param made is called with its length when it is made
 */
export const encoded = (
  { body, codings }: ListAnswer,
  coding: Coding,
  made: (bytes: number) => void,
): Promise<Buffer> => {
  const before = codings.get(coding);
  if (before !== undefined) return before;
  const encoding = compress[coding](body).then((bytes) => {
    made(bytes.length);
    return bytes;
  });
  codings.set(coding, encoding);
  encoding.catch(() => codings.delete(coding));
  return encoding;
};
