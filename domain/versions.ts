/**
 * Versions of writes, and the clock that gives them out. A version is a time in microseconds since 1970. A process
 * never gives out the same version twice, and its versions never go back, even if the machine's clock does (a hybrid
 * logical clock, https://cse.buffalo.edu/tech-reports/2014-04.pdf).
 */

/**
 * A minute, in microseconds. Clocks of machines differ a little. If a time or version is further ahead than this, it
 * comes from a wrong clock or from no clock at all, and is never adopted, wherever it comes from.
 */
export const MAX_AHEAD = 60_000_000;

/** A smaller number is not a time: other publishers may count their versions from 1, or leave a time at 0. */
const EARLIEST = Date.UTC(2000, 0, 1) * 1000;
/** Whether a version can be a time, that is, is not from before the year 2000. */
export const isTime = (version: number): boolean => version >= EARLIEST;

/** The resolution of the system's clock, in microseconds. */
const RESOLUTION = 1_000;

/** The time when a version was given out, by the clock that all processes share. */
export const timeOf = (version: number): Date => new Date(Math.floor(version / 1_000));

/** The last version of a millisecond. @param ms since 1970 */
export const lastVersionOf = (ms: number): number => ms * 1_000 + 999;

/**
 * Makes the clock of a process. Processes agree because they all follow one clock, Redis's or MySQL's: each measures
 * how far that clock is from its own. If it cannot be reached, a process goes on with the distance that it measured
 * last.
 * @param systemMs the machine's own clock, in milliseconds since 1970
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

    /** The time of the shared clock when this machine's own clock said `ownMs`; both in milliseconds since 1970. */
    corrected: (ownMs: number): number => ownMs + offset / 1000,

    /** A version greater than all that this process gave out or has seen. */
    next: (): number => {
      last = Math.max(last + 1, now());
      return last;
    },

    /** Takes note of another's version: from now on this process gives out greater ones. Ignores one too far ahead. */
    observe: (version: number): void => {
      if (version <= now() + MAX_AHEAD) last = Math.max(last, version);
    },

    /** How long ago a version was given out, in milliseconds. */
    age: (version: number): number => (system() + offset - version) / 1000,

    /**
     * Follows the shared clock. It changes the measured distance only as far as that distance cannot be right: an
     * answer that took long is inexact, and must not drive clocks apart that agree
     * (https://en.wikipedia.org/wiki/Cristian%27s_algorithm).
     * @param reference the shared clock's time, in microseconds since 1970
     * @param elapsedMs how long ago that time was asked for. It is called after the own clock is read: if the process
     *   loses its CPU in between, it then takes the answer for less exact, and not its own clock for fast.
     * @param confirmed whether a third clock agrees with the reference: otherwise nobody knows which of the two is
     *   wrong
     * @returns whether the time was adopted. Unless it is confirmed, a time further than MAX_AHEAD from the machine's
     *   own clock is not.
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
