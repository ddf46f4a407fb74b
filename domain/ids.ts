/** Ids of orders and jobs. */
import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const BYTES_PER_ID = 16;
const IDS_PER_FILL = 256;

/**
 * @param nowMs the time that ids say, in milliseconds since 1970
 * @returns a function that makes UUIDs of version 7 (RFC 9562, 5.7). Their random bytes come from a store: asking the
 *   system for those of one id costs more than the id.
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
