/** Ids that follow from an Idempotency-Key and what is asked for with it, so that a write that is sent again is the same. */
import { createHash } from 'node:crypto';
import type { JobType } from './jobs.ts';

/** What a keyed write is known by. */
export interface Identity {
  key: string;
  /** Of what was asked for. */
  fingerprint: string;
}

/** SHA-256, not yet encoded. */
export const digest = (text: string) => createHash('sha256').update(text);

/**
 * A UUID that follows from a key and what is asked for with it: version 8, of which 122 bits are ours to choose
 * (RFC 9562, 5.8). The key alone would not do: once its record is gone, another request with it would be taken for the
 * first one and dropped.
 */
export const keyedUuid = ({ key, fingerprint }: Identity, purpose: 'job' | 'order'): string => {
  const bytes = digest(`${purpose}\n${key}\n${fingerprint}`).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};

/** What a request asks for, as it was understood: members in an order of our own, defaults filled in, nothing else. */
export interface Asked {
  type: JobType;
  meaning: object;
}

/** The same for requests that differ only in how they are written. */
export const fingerprintOf = ({ type, meaning }: Asked): string =>
  digest(`${type}\n${JSON.stringify(meaning)}`).digest('base64');
