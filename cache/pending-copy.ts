/** The text of a pending copy: as a POST puts it, and what it tells readers. */

/**
 * What a copy tells a reader: the order is deleted, or a write waits, which wins over what the reader finds elsewhere.
 * The JSON of an order is ready to be sent. `version` is 0 if the writer gave none.
 */
export type Pending = Waiting | { kind: 'deleted' };
export type Waiting = { version: number; deleting: boolean } & (
  | { kind: 'order'; json: Buffer }
  | { kind: 'status'; status: string }
);

/**
 * A copy that nothing has changed since its POST put it ends in its version and a space, which Lua never writes. What
 * comes before the version is the answer to a reader, byte for byte.
 */
const VERSION_DIGITS = 16;
const VERSION_FIELD = ',"version":"';
/** The end of a copy that nothing has changed since the POST of this version put it. */
export const tailOf = (version: number): string =>
  `${VERSION_FIELD}${String(version).padStart(VERSION_DIGITS, '0')}"} `;
/** The copy of a new order. @param order its JSON, as readers get it */
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

/**
 * What a copy tells readers, or undefined if it shows nothing.
 * @param raw the copy, whose bytes may be changed
 * @throws if it is not a copy
 */
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
