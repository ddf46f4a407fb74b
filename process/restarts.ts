/** When a process that died is started again. */

const STABLE_MS = 1_000;
const DELAY_MIN_MS = 500;
const DELAY_MAX_MS = 5_000;

/**
 * Counts deaths: the first is followed by a new process at once; one that did not serve for a second makes the next
 * wait longer, up to five seconds. A connection that was accepted for an API worker waits as long.
 */
export const createRestarts = () => {
  let early = 0;
  return {
    /** @param servedMs how long the process did its work @returns milliseconds to wait before the next is started */
    delayAfter: (servedMs: number): number => {
      if (servedMs >= STABLE_MS) early = 0;
      else early++;
      return early <= 1 ? 0 : Math.min(DELAY_MAX_MS, DELAY_MIN_MS * 2 ** (early - 2));
    },
  };
};
