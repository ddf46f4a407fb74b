/** The stream of what happens to jobs, which readers follow, and from which those who were away a moment catch up. */

/** How much memory it takes, about: where jobs are many an entry has hundreds of events. */
const BYTES = 16 * 2 ** 20;
const [FEWEST, MOST] = [200, 5_000];

/** How many entries the stream keeps. @param bytes of the newest one */
export const feedLength = (bytes: number): number =>
  Math.min(MOST, Math.max(FEWEST, Math.floor(BYTES / bytes)));
