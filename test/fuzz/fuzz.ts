/** Running a property for a time. */
import * as fc from 'fast-check';

/** A new one each time, so that each run of the tests tries something else. */
export const newSeed = (): number => Math.floor(Math.random() * 2 ** 31);

/**
 * Tries a property for so many seconds, with values that a seed repeats.
 * @throws Error that names the seed, the path and the smallest values that were found to break it
 */
export const fuzz = <T>(
  property: fc.IAsyncProperty<T>,
  seconds: number,
  seed: number = Number(process.env.FUZZ_SEED ?? newSeed()),
): Promise<void> =>
  fc.assert(property, {
    seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
    includeErrorInReport: true,
  });
