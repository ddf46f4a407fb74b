/** An answer to GET /orders: its bytes, and what is made from them once. */
import { createHash } from 'node:crypto';
import type { Coding } from '../http/negotiation.ts';
import { queryOf } from './query.ts';

/** The text before the orders. @param total how many orders there are, if it is to be told */
export const headOf = (total: number | undefined): string =>
  `{${total === undefined ? '' : `"total_orders":${total},`}"orders":[`;

/** The text behind the orders. @param next undefined for the whole list, null for the last page */
export const tailOf = (next: string | null | undefined): string =>
  next === undefined ? ']}' : `],"next":${JSON.stringify(next)}}`;

/** How long the text of orders grows, in UTF-16 code units, before it becomes bytes. */
export const CHUNK_LENGTH = 65_536;

/** About how much memory an answer takes in addition to its bytes. */
export const OVERHEAD_BYTES = 1_024;

export interface ListAnswer {
  /** The normalised query. */
  readonly key: string;
  readonly body: Buffer;
  /** A weak tag (RFC 9110, 8.8.1): it is the same for all codings of the same bytes. */
  readonly etag: string;
  /** The URL of the next page, relative to the URL of this one; undefined if there is none. */
  readonly next: string | undefined;
  /** The compressed bodies, each made once; undefined if there was no room for one. */
  readonly codings: Map<Coding, Promise<Buffer | undefined>>;
  /** How much memory the answer takes, with its compressed bodies. */
  bytes: number;
}

/**
 * Joins chunks in memory of their own. Node makes small buffers as slices of a larger one, and a slice that is kept
 * would keep all of the larger one in memory.
 */
const concat = (chunks: Buffer[]): Buffer => {
  const whole = Buffer.allocUnsafeSlow(chunks.reduce((bytes, chunk) => bytes + chunk.length, 0));
  let end = 0;
  for (const chunk of chunks) end += chunk.copy(whole, end);
  return whole;
};

/** `next` is the last member of a page. It cannot be found inside a text, where its quotes would have backslashes. */
const NEXT = ',"next":';
const nextOf = (body: Buffer): string | undefined => {
  const at = body.lastIndexOf(NEXT);
  return at < 0
    ? undefined
    : (JSON.parse(body.toString('utf8', at + NEXT.length, body.length - 1)) ?? undefined);
};

/** Makes an answer. @param key the normalised query @param chunks the body, as build.ts makes it */
export const createAnswer = (key: string, chunks: Buffer[]): ListAnswer => {
  const body = concat(chunks);
  return {
    key,
    body,
    etag: `W/"${createHash('sha1').update(body).digest('base64url')}"`,
    // The whole list has no next page, and may be long.
    next: key === queryOf(undefined) ? undefined : nextOf(body),
    codings: new Map(),
    bytes: body.length + OVERHEAD_BYTES,
  };
};
