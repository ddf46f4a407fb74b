/** Ids that follow from an Idempotency-Key and what is asked for with it, so a write sent again is the same write. */
import { createHash } from 'node:crypto';
import { placed } from './ids.ts';
import type { JobType } from './jobs.ts';

/** Identifies a write that has an Idempotency-Key. */
export interface Identity {
  key: string;
  /** Of what is asked for: see `fingerprintOf`. */
  fingerprint: string;
}

/** The SHA-256 of a text, not yet encoded. */
export const digest = (text: string) => createHash('sha256').update(text);

const uuidOf = (text: string): string => {
  const bytes = digest(text).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};

/**
 * A UUID that follows from a key and from what is asked for with it. It has version 8, where we may choose 122 bits
 * (RFC 9562, 5.8). The key alone is not enough: once its record is gone, another request with the same key would look
 * like the first one and be dropped.
 */
export const keyedUuid = ({ key, fingerprint }: Identity, purpose: 'job' | 'order'): string =>
  uuidOf(`${purpose}\n${key}\n${fingerprint}`);

/** The ids of a write that creates an order. */
export interface Ids {
  job_id: string;
  order_id: string;
}

/** Makes a function that returns the ids of an order in a batch by its place, which follow from the batch's key. */
export const keyedIds = (identity: Identity): ((place: number) => Ids) => {
  const job = keyedUuid(identity, 'job');
  const order = keyedUuid(identity, 'order');
  return (place) => ({
    job_id: uuidOf(`${job}\n${place}`),
    order_id: placed(order, place, uuidOf(`${order}\n${place}`)),
  });
};

/** What a request asks for, as we understood it: members in our own order, defaults filled in, nothing else. */
export interface Asked {
  type: JobType;
  meaning: object;
}

/** A fingerprint that is the same for requests which differ only in how they are written. */
export const fingerprintOf = ({ type, meaning }: Asked): string =>
  digest(`${type}\n${JSON.stringify(meaning)}`).digest('base64');
