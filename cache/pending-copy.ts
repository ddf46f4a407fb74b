/** The text of a pending copy: as a POST puts it, and what it tells readers. */

/**
 * What a copy tells a reader: the order is deleted, or a write waits, which wins over what the reader finds elsewhere.
 * The JSON of an order is ready to be sent. `version` is 0 if the writer gave none. `foreign` is true if the Flask
 * service wrote last: its write has no version, and is newer than the one that `version` tells of.
 */
export type Pending = Waiting | { kind: 'deleted' };
export type Waiting = { version: number; deleting: boolean; foreign: boolean } & (
  | { kind: 'order'; json: Buffer }
  | { kind: 'status'; status: string }
);

/**
 * An order that this service wrote ends in its version and a space, which no other program puts there. What comes before
 * the version is the answer to a reader, byte for byte.
 */
const VERSION_DIGITS = 16;
const VERSION_FIELD = ',"version":"';
/** The end of an order whose newest write has this version. */
export const tailOf = (version: number): string =>
  `${VERSION_FIELD}${String(version).padStart(VERSION_DIGITS, '0')}"} `;
/** The copy of a new order. @param order its JSON, as readers get it */
export const copyOf = (order: string, version: number): string => `${order.slice(0, -1)}${tailOf(version)}`;
const TAIL_BYTES = tailOf(0).length;
const SPACE = 0x20;
const BRACE = 0x7d;

const asWritten = (raw: Buffer): { json: Buffer; version: number } | undefined => {
  const end = raw.length - TAIL_BYTES;
  const versionAt = end + VERSION_FIELD.length;
  if (raw.at(-1) !== SPACE || raw.toString('latin1', end, versionAt) !== VERSION_FIELD) return undefined;
  const version = Number(raw.toString('latin1', versionAt, versionAt + VERSION_DIGITS));
  raw[end] = BRACE;
  return { json: raw.subarray(0, end + 1), version };
};

const DELETED = 'deleted';
const DELETING = 'deleting';
const NOTES = /^\d*\|\d*\|([\d,]*)\|[\d,]*\|/;
const PATCH = /(\d+):(\d+):/y;

/** What the notes of an order's writes show (scripts/copy.lua describes their format), or undefined if nothing. */
const parseNotes = (raw: Buffer): Pending | undefined => {
  // Lengths in the notes are bytes.
  const notes = raw.toString('latin1');
  if (notes === DELETED) return { kind: 'deleted' };
  const head = NOTES.exec(notes);
  if (head === null) return undefined;
  const patchAt = (at: number) => {
    PATCH.lastIndex = at;
    const [prefix, version, length] = PATCH.exec(notes) ?? [];
    if (prefix === undefined) return undefined;
    const from = at + prefix.length;
    return { version: Number(version), from, to: from + Number(length) };
  };
  const postAt = head[0].length;
  const patch = patchAt((patchAt(postAt)?.to ?? postAt) + 1);
  const deletes = (head[1] ?? '').split(',').flatMap((digits) => (digits === '' ? [] : [Number(digits)]));
  const version = Math.max(patch?.version ?? 0, ...deletes);
  const common = { kind: 'status', version, foreign: false } as const;
  if (deletes.length > 0) return { ...common, status: DELETING, deleting: true };
  return (
    patch && { ...common, status: JSON.parse(raw.toString('utf8', patch.from, patch.to)), deleting: false }
  );
};

/**
 * What is shown by an order that this service did not write as it does: that of the Flask service, or of an earlier
 * version of this service, which kept the notes in the order and wrote `patches` into every copy that it had changed.
 * @throws if it is not JSON
 */
const parseOther = (raw: Buffer, isDeleting: boolean): Pending | undefined => {
  const { deleted, deleting, patches, reserved, applied, version = 0, ...seen } = JSON.parse(raw.toString());
  if (deleted) return { kind: 'deleted' };
  const foreign = patches === undefined && reserved === undefined && applied === undefined;
  const { order_id, customer_name, items } = seen;
  const status = isDeleting ? DELETING : seen.status;
  const common = {
    version: Number(version) || 0,
    deleting: deleting ?? (isDeleting || (foreign && status === DELETING)),
    foreign,
  };
  if (items) {
    const json = Buffer.from(JSON.stringify({ order_id, customer_name, status, items }));
    return { kind: 'order', json, ...common };
  }
  return status ? { kind: 'status', status, ...common } : undefined;
};

/**
 * What an order's two keys tell readers, or undefined if they show nothing.
 * @param order the value of the first key, whose bytes may be changed; null if there is none
 * @param notes the value of the second key
 * @throws if the order is not JSON
 */
export const parse = (order: Buffer | null, notes: Buffer | null): Pending | undefined => {
  const noted = notes === null ? undefined : parseNotes(notes);
  if (order === null || noted?.kind === 'deleted') return noted;
  const isDeleting = noted?.deleting ?? false;
  const written = asWritten(order);
  if (written) return { kind: 'order', ...written, deleting: isDeleting, foreign: false };
  return parseOther(order, isDeleting) ?? noted;
};
