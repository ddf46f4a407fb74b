/** Runs users against the API for a time. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openConnection } from './connection.ts';
import { createStatistics } from './statistics.ts';
import { runUser } from './users.ts';

const SECOND_MS = 1_000;

export interface LoadOptions {
  /** Where the API is. */
  url: URL;
  users: number;
  /** How many users begin in a second. */
  spawnRate: number;
  /** How long it takes, the time in which users begin included. */
  seconds: number;
}

/** A run that goes on. */
export interface Run {
  statistics: ReturnType<typeof createStatistics>;
  /** How many users there are. */
  users(): number;
  /** Resolves with how many seconds it took, once the time is over or it was ended, and each request has its answer. */
  done: Promise<number>;
}

/** @param signal ends it before its time */
export const startRun = ({ url, users: most, spawnRate, seconds }: LoadOptions, signal: AbortSignal): Run => {
  const ending = new AbortController();
  // Each user listens, and Node warns of more than ten.
  setMaxListeners(0, ending.signal);
  const end = () => ending.abort();
  signal.addEventListener('abort', end, { once: true });
  const timer = setTimeout(end, seconds * SECOND_MS);
  const started = performance.now();
  let users = 0;
  const statistics = createStatistics(() => users);
  const ticker = setInterval(statistics.tick, SECOND_MS);

  const run = async (): Promise<number> => {
    const all: Promise<void>[] = [];
    for (let user = 0; user < most && !ending.signal.aborted; user++) {
      const due = started + (user / spawnRate) * SECOND_MS - performance.now();
      if (due > 0) await sleep(due, undefined, { signal: ending.signal }).catch(() => {});
      if (ending.signal.aborted) break;
      users++;
      all.push(runUser(openConnection(url), statistics.add, ending.signal));
    }
    await Promise.all(all);
    clearTimeout(timer);
    clearInterval(ticker);
    statistics.tick();
    return (performance.now() - started) / SECOND_MS;
  };
  return { statistics, users: () => users, done: run() };
};
