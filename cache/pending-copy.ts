/** A pending copy as readers find it, and as a POST puts it. */

/** What a reader lays over what it finds elsewhere; an order is JSON, ready to send. `version` is 0 where the writer gave none. */
export type Pending = Waiting | { kind: 'deleted' };
export type Waiting = { version: number; deleting: boolean } & (
  | { kind: 'order'; json: Buffer }
  | { kind: 'status'; status: string }
);

/**
 * A copy that is as its POST put it ends in a space, which Lua never writes, and its version is in the last place:
 * what comes before is the answer to a reader, byte for byte.
 */
const VERSION_DIGITS = 16;
const VERSION_FIELD = ',"version":"';
/** How a copy ends that is as the POST of this version put it. */
export const tailOf = (version: number): string =>
  `${VERSION_FIELD}${String(version).padStart(VERSION_DIGITS, '0')}"} `;
/** @param order JSON */
export const copyOf = (order: string, version: number): string => `${order.slice(0, -1)}${tailOf(version)}`;
const TAIL_BYTES = tailOf(0).length;
const SPACE = 0x20;
const BRACE = 0x7d;

const asPut = (raw: Buffer): Pending | undefined => {
  const end = raw.length - TAIL_BYTES;
  const versionAt = end + VERSION_FIELD.length;
  if (raw.at(-1) !== SPACE || raw.toString('latin1', end, versionAt) !== VERSION_FIELD) return undefined;
  const version = Number(raw.toString('latin1', versionAt, versionAt + VERSION_DIGITS));
  raw[end] = BRACE;
  return { kind: 'order', json: raw.subarray(0, end + 1), version, deleting: false };
};

/** What a copy shows. @throws where it is not one */
export const parse = (raw: Buffer): Pending | undefined => {
  const copy = asPut(raw);
  if (copy) return copy;
  const { deleted, deleting = false, version = 0, ...seen } = JSON.parse(raw.toString());
  if (deleted) return { kind: 'deleted' };
  const common = { version: Number(version), deleting };
  const { order_id, customer_name, status, items } = seen;
  if (items) {
    const json = Buffer.from(JSON.stringify({ order_id, customer_name, status, items }));
    return { kind: 'order', json, ...common };
  }
  return status ? { kind: 'status', status, ...common } : undefined;
};
