/** What a scenario is, and how one is run: load, faults, healing, and the verdict. */
import { until } from '../../../testbed/until.ts';
import { check, noViolations, type Violations } from './checker.ts';
import { appliedTwice, blamed } from './faults.ts';
import { GONE, type OrderHistory } from './history.ts';
import { type Load, type LoadOptions, startLoad } from './load.ts';
import { createRandom, type Random } from './random.ts';
import { judgeDead, settle } from './settle.ts';
import type { Processes, World, WorldOptions } from './world.ts';
import type { Worlds } from './worlds.ts';

/**
 * How many processes the long and the short form have. Even the few of the short form race one another, over two APIs.
 */
export const processesOf = (full: boolean): Processes =>
  full ? { consumers: 4, apiWorkers: 2 } : { consumers: 2, apiWorkers: 1 };
/** Clients send as fast as they are answered; in the short form fewer of them leave CPU to the tests beside it. */
const SHORT_LOAD = { clients: 8, pauseMs: 150 };
/** How much longer what has a limit may take in the short form, as the tests beside it take CPU too. */
const SHORT_PATIENCE = 3;

/** A service that is not the world's own, stopped and started by scripts. */
export interface Prepared {
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
  folder: string;
}

/** What a scenario that makes its own history gets. */
export interface Base {
  random: Random;
  /** Whether this is the long form. */
  full: boolean;
  /** How many writes should be accepted. */
  accepted: number;
  /** How long the scenario that takes no end of itself goes on; 0 for its ordinary time. */
  hours: number;
  prepared: Prepared | undefined;
  /** Notes something that must not happen. */
  fail(problem: string): void;
}

export interface Context extends Base {
  world: World;
  load: Load;
  /** Whether the load has its accepted writes. Until then faults go on. */
  enough(): boolean;
  /** Waits until so much of the load's accepted writes has been made, 0 to 1. */
  progress(share: number): Promise<void>;
}

export interface Scenario {
  number: number;
  title: string;
  world?: WorldOptions;
  load?: Omit<LoadOptions, 'urls' | 'random'>;
  /** How many writes are accepted at the most, if the usual number would take too long. */
  accepted?: number;
  /** False if Redis loses pending copies. Then only the end is judged. */
  readYourWrites?: boolean;
  /** Whether Redis loses what it knows of keys: a keyed PATCH that is repeated is a new write then. */
  forgetsKeys?: boolean;
  /** For how long readers may see old data after everything is applied, if Redis was not told of everything. */
  shownAfterMs?: number;
  /** No request may take longer. */
  maxRequestMs?: number;
  /** How long it may be that no write is accepted. */
  maxUnacceptedMs?: number;
  /** Reasons that may stand in the dead letters, with how often. */
  dead?: (full: boolean) => Record<string, number>;
  /** Whether no other scenario can have its world before or after it. */
  ownWorld?: boolean;
  /** Runs in the new world before the load; `teardown` takes what undoes it in the end. */
  prepare?: (world: World, teardown: (work: () => unknown) => void) => Promise<Prepared>;
  /** Runs beside the load. When it has returned and the load has had enough, everything must be healed. */
  faults?: (context: Context) => Promise<void>;
  /** Instead of a load: makes its own history. */
  history?: (world: World, base: Base) => Promise<OrderHistory[]>;
}

export interface Result {
  number: number;
  title: string;
  accepted: number;
  refused: number;
  unknown: number;
  applied: number;
  dead: number;
  violations: Violations;
  longestMs: number;
  unacceptedMs: number;
  settledMs: number;
  problems: string[];
}

/**
 * Starts the load.
 * @param random numbers for the clients alone. How many they use depends on timing, which must not change the faults
 */
const runLoad = async (scenario: Scenario, world: World, base: Base, random: Random) => {
  const target = base.accepted;
  const load = startLoad({
    urls: world.urls,
    random,
    ...(base.full ? {} : SHORT_LOAD),
    ...scenario.load,
  });
  const enough = () => load.counts.accepted >= target;
  const progress = async (share: number) => {
    await until(
      `${share * 100} % of the writes are accepted`,
      () => load.counts.accepted >= share * target,
      900_000,
    );
  };
  try {
    await Promise.all([scenario.faults?.({ ...base, world, load, enough, progress }), progress(1)]);
  } finally {
    await load.stop();
  }
  return load;
};

/**
 * Runs a scenario.
 * @param accepted how many accepted writes to make
 * @returns what was counted; `problems` is empty where all is as promised
 */
export const runScenario = async (
  scenario: Scenario,
  options: { accepted: number; full: boolean; seed: number; hours: number; worlds: Worlds },
): Promise<Result> => {
  const { number, title, readYourWrites = true } = scenario;
  const { maxRequestMs = Number.POSITIVE_INFINITY, maxUnacceptedMs = Number.POSITIVE_INFINITY } = scenario;
  const patience = options.full ? 1 : SHORT_PATIENCE;
  const problems: string[] = [];
  const teardowns: (() => unknown)[] = [];
  const seed = options.seed + number;
  const world = await options.worlds.enter(scenario);
  let isWell = false;
  try {
    const base: Base = {
      random: createRandom(seed),
      full: options.full,
      accepted: Math.min(options.accepted, scenario.accepted ?? options.accepted),
      hours: options.hours,
      prepared: await scenario.prepare?.(world, (work) => teardowns.push(work)),
      fail: (problem) => problems.push(problem),
    };
    const load = scenario.history ? undefined : await runLoad(scenario, world, base, createRandom(seed));
    const history = load?.history ?? (await scenario.history?.(world, base)) ?? [];
    await world.ready();
    const expectedDead = scenario.dead?.(options.full) ?? {};
    const shownAfterMs = scenario.shownAfterMs ?? 0;
    const { final, dead, ms } = await settle(world, history, { shownAfterMs, expectedDead });
    const { violations, details } = check(history, final, { readYourWrites });
    problems.push(
      ...details.slice(0, 10),
      ...judgeDead(expectedDead, dead),
      ...(load?.oddities.slice(0, 10) ?? []),
      ...blamed(world).slice(0, 10),
      ...(scenario.forgetsKeys ? [] : appliedTwice(world).slice(0, 10)),
    );
    const longest = load?.longest();
    const longestMs = Math.round(longest?.ms ?? 0);
    if (longestMs > patience * maxRequestMs)
      problems.push(`a request took ${longestMs} ms: ${longest?.what}`);
    const unacceptedMs = Math.round(load?.unacceptedMs() ?? 0);
    if (unacceptedMs > patience * maxUnacceptedMs)
      problems.push(`no write was accepted for ${unacceptedMs} ms`);
    isWell = problems.length === 0;
    const writes = history.flatMap((order) => order.writes);
    const outcomes = (outcome: string) => writes.filter((write) => write.outcome === outcome).length;
    return {
      number,
      title,
      accepted: outcomes('accepted'),
      refused: outcomes('refused'),
      unknown: outcomes('unknown'),
      applied: final.stored.length + [...final.shown.values()].filter((state) => state === GONE).length,
      dead: dead.size,
      violations,
      longestMs,
      unacceptedMs,
      settledMs: Math.round(ms),
      problems,
    };
  } finally {
    for (const teardown of teardowns.reverse()) await teardown();
    await options.worlds.leave(scenario, world, isWell);
  }
};

/** The result of a scenario that did not finish. */
export const brokenResult = ({ number, title }: Scenario, error: unknown): Result => ({
  number,
  title,
  accepted: 0,
  refused: 0,
  unknown: 0,
  applied: 0,
  dead: 0,
  violations: noViolations,
  longestMs: 0,
  unacceptedMs: 0,
  settledMs: 0,
  problems: [`it came to no end: ${error instanceof Error ? error.message : String(error)}`],
});
