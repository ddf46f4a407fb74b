/** Makes the ids of orders and jobs. */
import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

/** @returns the id in lower case, as we hand out every id; in capitals it is the same one (RFC 9562, 4) */
export const canonicalId = (id: string): string => id.toLowerCase();

const PLACE_AT = 'xxxxxxxx-xxxx-v'.length;
const PLACE_DIGITS = 3;
/**
 * Makes a UUID of version 7 or 8 that ascends with its place in a batch: orders that were accepted in the same
 * millisecond are listed by their ids. The place is where RFC 9562 lets a counter be (6.2, method 1).
 * @param first a UUID that all ids of the batch have, or whose time they have, in front of the place
 * @param place 0 to 4095
 * @param own a UUID of the element's own, from which comes what is behind the place: so nobody can guess the neighbours
 */
export const placed = (first: string, place: number, own: string): string =>
  `${first.slice(0, PLACE_AT)}${place.toString(16).padStart(PLACE_DIGITS, '0')}${own.slice(PLACE_AT + PLACE_DIGITS)}`;

const BYTES_PER_ID = 16;
const IDS_PER_FILL = 256;

/**
 * @param nowMs the time that goes into the ids, in milliseconds since 1970
 * @returns a function that makes UUIDs of version 7 (RFC 9562, 5.7). It takes their random bytes from a store, as
 *   asking the operating system for those of each id would cost more than all the rest.
 */
export const createIds = (nowMs: () => number = Date.now): (() => string) => {
  const store = new Uint8Array(BYTES_PER_ID * IDS_PER_FILL);
  let used = store.length;
  return () => {
    if (used === store.length) {
      randomFillSync(store);
      used = 0;
    }
    used += BYTES_PER_ID;
    return uuidv7({ random: store.subarray(used - BYTES_PER_ID, used), msecs: nowMs() });
  };
};
