/** Of the system's clock, in microseconds. */
const RESOLUTION = 1_000;

/** When a version was given out, by the clock that all processes share. */
export const timeOf = (version: number): Date => new Date(Math.floor(version / 1_000));

/**
 * Versions of writes: microseconds since 1970, but never the same twice and never going back, also when the
 * machine's clock does (a hybrid logical clock, https://cse.buffalo.edu/tech-reports/2014-04.pdf). Processes agree
 * by keeping to Redis's clock, whose distance from their own they measure; without Redis each keeps what it
 * measured last.
 */
export const createClock = (systemMs: () => number = Date.now) => {
  let last = 0;
  let offset = 0;
  const system = () => systemMs() * 1000;
  return {
    /** A version greater than all that this process gave out or has seen. */
    next: (): number => {
      last = Math.max(last + 1, Math.round(system() + offset));
      return last;
    },

    /** What this process gives out from now on is greater than a version that another one gave out. */
    observe: (version: number): void => {
      last = Math.max(last, version);
    },

    /** How long ago a version was given out, in milliseconds. */
    age: (version: number): number => (system() + offset - version) / 1000,

    /**
     * Corrects the distance only as far as it cannot be right: an answer that took long says little, and must not
     * part clocks that agree (https://en.wikipedia.org/wiki/Cristian%27s_algorithm).
     * @param reference the shared clock's time, in microseconds
     * @param elapsedMs how long ago it was asked for; called after the own clock is read, so that a process that
     *   loses its CPU in between takes the time for less certain, not its own clock for fast
     */
    keepTo: (reference: number, elapsedMs: () => number = () => 0): void => {
      const latest = reference - system();
      offset = Math.min(Math.max(offset, latest - RESOLUTION), latest + elapsedMs() * 1000);
    },
  };
};
export type Clock = ReturnType<typeof createClock>;
