/** How much is measured. */

export interface Sizes {
  /** How often each side has its turn in a case. */
  rounds: number;
  roundMs: number;
  warmupMs: number;
  connections: number;
  /** How many orders are in the list. */
  listed: number;
  /** How many orders are read from MySQL, or deleted, each once. These are more than a round can get through. */
  rows: number;
  /** How many orders are in the large table of the case `page`. */
  manyRows: number;
  /** How many jobs wait to be applied after those of the warm-up, and in how many rounds. */
  backlog: number;
  applyWarmup: number;
  applyRounds: number;
  /** More milliseconds than it takes to apply them. */
  applyWithinMs: number;
  /** How many requests per second saturate nothing, and for how long they are sent. */
  steadyRate: number;
  steadyMs: number;
  /** The sizes of the long cases. */
  hugeBacklog: number;
  soakMs: number;
  /** How many clients listen to events, for how long they hear heartbeats, and how long it is quiet before that. */
  readers: number;
  idleMs: number;
  restMs: number;
}

/** The sizes of a full run. @param seconds for which each side of a case is measured, over all rounds */
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
  readers: 10_000,
  idleMs: 45_000,
  restMs: 2_000,
});

/** The sizes of a quick run, which only shows that every case runs. */
export const quickSizes: Sizes = {
  rounds: 1,
  // On a busy machine a process may not run for some tenths of a second.
  roundMs: 500,
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
  readers: 50,
  idleMs: 2_000,
  restMs: 100,
};
