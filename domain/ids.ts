/** Makes the ids of orders and jobs. */
import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

/** @returns the id in lower case, as we hand out every id; in capitals it is the same one (RFC 9562, 4) */
export const canonicalId = (id: string): string => id.toLowerCase();

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
