/** The stream of what happens to jobs. */

/** How many entries it keeps, about. A busy consumer's entry has some hundred events. */
export const FEED_LENGTH = 1_000;
