/**
 * Gives back the memory that a process needed while it was busy, its start included. V8 looks for garbage only while it
 * makes some, so an idle process would keep it: some 30 MB after its start, twice that after a load.
 */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_MS = 10_000;
/** A process of which more of this time was work is busy, and must not be stopped for garbage. */
const BUSY = 0.05;

/** Collects all garbage, which stops this process for some 10 to 30 ms. */
export const collectGarbage = (): void => {
  // Node offers the function only by this flag of V8.
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
};

/**
 * Decides when it is time to collect garbage: once after each busy time, as soon as it is over.
 * @returns a function that gets the share of the last while that was work, from 0 to 1
 */
export const createQuiet = (): ((utilization: number) => boolean) => {
  let wasBusy = true;
  return (utilization) => {
    const isBusy = utilization >= BUSY;
    const isTime = wasBusy && !isBusy;
    wasBusy = isBusy;
    return isTime;
  };
};

/** Collects garbage whenever this process has become quiet. */
export const tidyWhenQuiet = (): void => {
  const isTime = createQuiet();
  let last = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    if (isTime(utilization)) collectGarbage();
  }, LOOK_MS).unref();
};
