/** What the requests came to: counts and times for each kind of request, and how they went over time. */
import { createHistogram } from './histogram.ts';
import type { Outcome } from './users.ts';

/** Over which time the present rates are told, in seconds. */
const RECENT_SECONDS = 10;

export interface Kind {
  method: string;
  name: string;
  requests: number;
  failures: number;
  /** Milliseconds. */
  average: number;
  least: number;
  most: number;
  /** The milliseconds that so many percent did not exceed. */
  percentile(p: number): number;
  requestsPerSecond: number;
  failuresPerSecond: number;
}
export interface Failure {
  method: string;
  name: string;
  why: string;
  times: number;
}
/** What was in one second. */
export interface Sample {
  /** Seconds since the beginning. */
  at: number;
  users: number;
  requests: number;
  failures: number;
  median: number;
  slow: number;
}

const createTally = (method: string, name: string) => {
  const times = createHistogram();
  let requests = 0;
  let failures = 0;
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  /** The numbers of requests and failures at the end of each of the last seconds. */
  const recent: [requests: number, failures: number][] = [];
  return {
    add: (ms: number, failed: boolean): void => {
      times.record(ms);
      requests++;
      if (failed) failures++;
      sum += ms;
      least = Math.min(least, ms);
      most = Math.max(most, ms);
    },
    tick: (): void => {
      recent.push([requests, failures]);
      if (recent.length > RECENT_SECONDS + 1) recent.shift();
    },
    /** @param seconds over which the rates are; not given: over the last ten */
    shown: (seconds?: number): Kind => {
      const [before = 0, failedBefore = 0] = seconds === undefined ? (recent[0] ?? []) : [];
      const within = seconds ?? Math.max(1, recent.length - 1);
      return {
        method,
        name,
        requests,
        failures,
        average: requests > 0 ? sum / requests : 0,
        least: requests > 0 ? least : 0,
        most,
        // A bucket's middle may lie outside of what was measured.
        percentile: (p) => (requests > 0 ? Math.min(most, Math.max(least, times.percentile(p))) : 0),
        requestsPerSecond: (requests - before) / within,
        failuresPerSecond: (failures - failedBefore) / within,
      };
    },
  };
};

/** How many users there are is asked once a second. */
export const createStatistics = (users: () => number) => {
  const all = createTally('', 'Aggregated');
  const kinds = new Map<string, ReturnType<typeof createTally>>();
  const failures = new Map<string, Failure>();
  const samples: Sample[] = [];
  let second = { times: createHistogram(), requests: 0, failures: 0 };

  const tick = (): void => {
    for (const tally of [all, ...kinds.values()]) tally.tick();
    const { times, ...counts } = second;
    const percentile = (p: number) => (counts.requests > 0 ? times.percentile(p) : Number.NaN);
    samples.push({
      at: samples.length + 1,
      users: users(),
      ...counts,
      median: percentile(50),
      slow: percentile(95),
    });
    second = { times: createHistogram(), requests: 0, failures: 0 };
  };

  return {
    add: ({ method, name, ms, failure }: Outcome): void => {
      const key = `${method} ${name}`;
      let tally = kinds.get(key);
      if (!tally) {
        tally = createTally(method, name);
        kinds.set(key, tally);
      }
      for (const one of [tally, all]) one.add(ms, failure !== undefined);
      second.times.record(ms);
      second.requests++;
      if (failure === undefined) return;
      second.failures++;
      const known = failures.get(`${key} ${failure}`) ?? { method, name, why: failure, times: 0 };
      known.times++;
      failures.set(`${key} ${failure}`, known);
    },
    /** To be called once a second. */
    tick,
    /** @param seconds over which the rates are; not given: over the last ten */
    shown: (seconds?: number) => ({
      kinds: [...kinds.values()]
        .map((tally) => tally.shown(seconds))
        .sort((a, b) => a.name.localeCompare(b.name) || a.method.localeCompare(b.method)),
      all: all.shown(seconds),
      failures: [...failures.values()].sort((a, b) => b.times - a.times),
    }),
    samples,
  };
};
export type Shown = ReturnType<ReturnType<typeof createStatistics>['shown']>;
