/**
 * Versions of writes, and the clock that gives them out. A version is microseconds since 1970, never the same twice and
 * never going back, also when the machine's clock does (a hybrid logical clock,
 * https://cse.buffalo.edu/tech-reports/2014-04.pdf).
 */

/**
 * Clocks of machines differ a little. What claims to be from further ahead than a minute, in microseconds, is from a
 * clock that is wrong or from no clock at all, and is never adopted, wherever it comes from.
 */
export const MAX_AHEAD = 60_000_000;

/** A smaller number is no time: other publishers may count their versions from 1, or leave a time at its zero. */
const EARLIEST = Date.UTC(2000, 0, 1) * 1000;
export const isTime = (version: number): boolean => version >= EARLIEST;

/** Of the system's clock, in microseconds. */
const RESOLUTION = 1_000;

/** When a version was given out, by the clock that all processes share. */
export const timeOf = (version: number): Date => new Date(Math.floor(version / 1_000));

/** The last version of a millisecond. */
export const lastVersionOf = (ms: number): number => ms * 1_000 + 999;

/**
 * Processes agree by keeping to one clock, Redis's or MySQL's, whose distance from their own they measure; without it
 * each keeps what it measured last.
 */
export const createClock = (systemMs: () => number = Date.now) => {
  let last = 0;
  let offset = 0;
  const system = () => systemMs() * 1000;
  const now = () => Math.round(system() + offset);
  return {
    /** The shared time, in microseconds since 1970. */
    now,

    /** The greatest version that anybody can have given out by now. */
    latest: (): number => now() + MAX_AHEAD,

    /** What the shared clock said when the own one said this, both in milliseconds. */
    corrected: (ownMs: number): number => ownMs + offset / 1000,

    /** A version greater than all that this process gave out or has seen. */
    next: (): number => {
      last = Math.max(last + 1, now());
      return last;
    },

    /** What this process gives out from now on is greater than a version that another one can have given out. */
    observe: (version: number): void => {
      if (version <= now() + MAX_AHEAD) last = Math.max(last, version);
    },

    /** How long ago a version was given out, in milliseconds. */
    age: (version: number): number => (system() + offset - version) / 1000,

    /**
     * Corrects the distance only as far as it cannot be right: an answer that took long says little, and must not
     * part clocks that agree (https://en.wikipedia.org/wiki/Cristian%27s_algorithm).
     * @param reference the shared clock's time, in microseconds
     * @param elapsedMs how long ago it was asked for; called after the own clock is read, so that a process that
     *   loses its CPU in between takes the time for less certain, not its own clock for fast
     * @param confirmed whether a third clock says the same: otherwise nobody knows which of two is wrong
     * @returns whether it was adopted, which no time is that is further than MAX_AHEAD from the own one
     */
    keepTo: (reference: number, elapsedMs: () => number = () => 0, confirmed = false): boolean => {
      const latest = reference - system();
      const uncertainty = elapsedMs() * 1000;
      if (!confirmed && (latest > MAX_AHEAD || latest + uncertainty < -MAX_AHEAD)) return false;
      offset = Math.min(Math.max(offset, latest - RESOLUTION), latest + uncertainty);
      // This process's clock was far ahead when it gave that out, and has been corrected since.
      if (last > now() + MAX_AHEAD) last = 0;
      return true;
    },
  };
};
export type Clock = ReturnType<typeof createClock>;
