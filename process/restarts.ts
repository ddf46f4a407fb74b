/** Decides when a process that died is started again. */

const STABLE_MS = 1_000;
const DELAY_MIN_MS = 500;
const DELAY_MAX_MS = 5_000;

/**
 * Counts early deaths. After a first one a new process is started at once. Each process that dies before it has served
 * for a second makes the next one wait longer, up to five seconds. A connection that was accepted for an API worker
 * waits as long.
 */
export const createRestarts = () => {
  let early = 0;
  return {
    /** @param servedMs how long the process served @returns how many milliseconds to wait before starting the next */
    delayAfter: (servedMs: number): number => {
      if (servedMs >= STABLE_MS) early = 0;
      else early++;
      return early <= 1 ? 0 : Math.min(DELAY_MAX_MS, DELAY_MIN_MS * 2 ** (early - 2));
    },
  };
};
