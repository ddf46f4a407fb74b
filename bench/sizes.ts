/** How much is measured. */

export interface Sizes {
  /** How often each side has its turn in one case. */
  rounds: number;
  roundMs: number;
  warmupMs: number;
  connections: number;
  /** Orders in the list. */
  listed: number;
  /** Orders that are read from MySQL, or deleted, each once: more than can be in a round. */
  rows: number;
  /** Orders in the large table of the case `page`. */
  manyRows: number;
  /** Jobs that wait to be applied behind those of the warm-up, and in how many rounds. */
  backlog: number;
  applyWarmup: number;
  applyRounds: number;
  /** Longer than applying them takes. */
  applyWithinMs: number;
  /** Requests a second at which nothing is saturated, and for how long. */
  steadyRate: number;
  steadyMs: number;
  /** The long cases. */
  hugeBacklog: number;
  soakMs: number;
}

/** @param seconds measured of each side of a case, over all its rounds */
export const fullSizes = (seconds: number): Sizes => ({
  rounds: 5,
  roundMs: (seconds * 1000) / 5,
  warmupMs: 500,
  connections: 64,
  listed: 1_000,
  rows: Math.max(50_000, 5_000 * seconds),
  manyRows: 1_000_000,
  backlog: 100_000,
  applyWarmup: 50_000,
  applyRounds: 3,
  applyWithinMs: 90_000,
  steadyRate: 500,
  steadyMs: 20_000,
  hugeBacklog: 1_000_000,
  soakMs: 600_000,
});

/** Enough to see that every case runs. */
export const quickSizes: Sizes = {
  rounds: 1,
  roundMs: 200,
  warmupMs: 50,
  connections: 8,
  listed: 100,
  rows: 1_000,
  manyRows: 2_000,
  backlog: 200,
  applyWarmup: 100,
  applyRounds: 1,
  applyWithinMs: 30_000,
  steadyRate: 100,
  steadyMs: 1_000,
  hugeBacklog: 2_000,
  soakMs: 3_000,
};
