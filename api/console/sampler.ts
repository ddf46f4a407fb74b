/**
 * Looks at the service once a second while somebody has the console open, for all who have it open in this process at
 * once. What it asks costs the same however many jobs wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { appliedSince } from '../../db/jobs.ts';
import { journalLag } from '../../db/journal.ts';
import { readInTime } from '../../db/reads.ts';
import { withDeadline } from '../../process/deadline.ts';
import { findReadiness } from '../health/readiness.ts';
import { createLatencies } from './latencies.ts';
import { createRate } from './rate.ts';
import type { Overview, Sample } from './sample.ts';

const EVERY_MS = 1_000;
/** How long it goes on after the last one has left: who loads the page anew finds what was before. */
const LINGER_MS = 15_000;
/** How many samples are kept: five minutes. */
const KEPT = 300;
const WITHIN_MS = 900;
/** How old an answer of the consumers that they hold nothing may be: they have a second for it. */
const DONE_LATELY_MS = 3_000;
/** Delay queues and dead letters are asked on channels of their own, so in each second sample only. */
const SELDOM = 2;
/** How many jobs are looked at in MySQL in a second, while Redis does not tell of them. */
const MOST_LOOKED_AT = 2_000;

type Backends = Pick<FastifyInstance, 'broker' | 'cache' | 'database' | 'listening' | 'story'>;

/** What could not be found out in time is not known. */
const known = <T>(answer: Promise<T>): Promise<T | null> => withDeadline(answer, WITHIN_MS).catch(() => null);

/** Counts what is applied: as it is heard or, while nothing is heard, as MySQL has it. */
const openApplied = ({ listening, story, database }: Backends) => {
  const rate = createRate();
  let latencies = createLatencies();
  /** When the newest of all jobs that have been applied was accepted, in milliseconds since 1970. */
  let newest: number | undefined;
  let lookedUpTo = Date.now();
  let takenAt = performance.now();
  const add = (acceptedAt: number | undefined, at: number): void => {
    latencies.add(acceptedAt === undefined ? 0 : at - acceptedAt);
    if (acceptedAt !== undefined) newest = Math.max(newest ?? 0, acceptedAt);
  };
  const stop = listening.toAll({
    heard: (all) => {
      if (!listening.isLive()) return;
      for (const { event } of all)
        if (event.state === 'succeeded' && !event.repeated) add(event.accepted_at, event.at);
    },
  });
  void known(readInTime(() => appliedSince(database.orm, 0, 1))).then((last) => {
    const acceptedAt = last?.[0]?.acceptedAt;
    if (acceptedAt) newest = Math.max(newest ?? 0, acceptedAt);
  });

  const look = async (): Promise<boolean> => {
    const from = lookedUpTo;
    const jobs = await known(readInTime(() => appliedSince(database.orm, from, MOST_LOOKED_AT)));
    if (jobs === null) return false;
    for (const { acceptedAt, at } of jobs) {
      add(acceptedAt ?? undefined, at);
      lookedUpTo = Math.max(lookedUpTo, at);
    }
    return true;
  };

  return {
    newest: () => newest,
    /** What was applied since the last call; undefined if that is not known. */
    take: async () => {
      const isLive = listening.isLive();
      const isKnown = story.isTold && (isLive || (await look()));
      if (isLive) lookedUpTo = Date.now();
      const taken = latencies;
      const ms = performance.now() - takenAt;
      latencies = createLatencies();
      takenAt = performance.now();
      if (isKnown) return { latencies: taken, rate: rate.add(taken.count(), ms) };
      rate.forget();
      return undefined;
    },
    stop,
  };
};

/** Takes samples until it is told to stop. */
const openSampling = (backends: Backends) => {
  const { broker, cache, database } = backends;
  const applied = openApplied(backends);
  let turn = 0;
  let place: string | undefined;
  const rate = createRate();
  let acceptedAt = performance.now();
  let delayed: number | null = null;
  let dead: number | null = null;
  /** Letters that somebody looks at are away for a moment: the greater one of two counts is right. */
  let deadBefore = 0;
  /** Everything that was accepted before this time is applied or a dead letter. In milliseconds since 1970. */
  let doneUpTo: number | undefined;
  let asking = false;

  const accepted = async (): Promise<number | null> => {
    const found = await known(cache.accepted.since(place));
    const ms = performance.now() - acceptedAt;
    acceptedAt = performance.now();
    const isFirst = place === undefined;
    place = found?.place;
    if (found && !isFirst) return rate.add(found.writes, ms);
    rate.forget();
    return null;
  };

  /** Consumers answer when they are done with what they have, which may take long: nobody waits for that. */
  const askWhetherDone = (): void => {
    if (asking) return;
    asking = true;
    const now = Date.now();
    void broker
      .isAllDone()
      .then((isDone) => {
        if (isDone) doneUpTo = now;
      })
      .catch(() => {})
      .finally(() => {
        asking = false;
      });
  };
  /**
   * The queue does not say for how long its first job has waited, and to take that job out to look at it would disturb
   * the consumers. But they take the jobs in their order: so it was accepted after the newest of those that are applied,
   * and after the last moment at which all were done.
   */
  const oldest = (waiting: number | null): number | null => {
    askWhetherDone();
    const after = Math.max(doneUpTo ?? 0, applied.newest() ?? 0);
    if (waiting === null || after === 0) return null;
    // Consumers that cannot be asked may hold something, or nothing.
    if (waiting === 0 && doneUpTo === undefined) return null;
    const isDone = waiting === 0 && Number(doneUpTo) > Date.now() - DONE_LATELY_MS;
    return isDone ? 0 : Math.max(0, Date.now() - after);
  };

  return {
    take: async (): Promise<Overview> => {
      if (turn++ % SELDOM === 0) {
        const [inDelay, letters] = await Promise.all([known(broker.delayed()), known(broker.dead())]);
        delayed = inDelay;
        dead = letters === null ? null : Math.max(letters, deadBefore);
        deadBefore = letters ?? 0;
      }
      const [readiness, waiting, writes, lag] = await Promise.all([
        findReadiness(backends),
        known(broker.waiting()),
        accepted(),
        known(journalLag(database.orm)),
      ]);
      const done = await applied.take();
      const sample: Sample = {
        at: Date.now(),
        accepted: writes,
        applied: done?.rate ?? null,
        p50_ms: done?.latencies.percentile(0.5) ?? null,
        p99_ms: done?.latencies.percentile(0.99) ?? null,
        waiting,
        delayed,
        dead,
        oldest_ms: oldest(waiting),
        hub_lag_ms: lag,
        consumers: readiness.consumers ?? null,
      };
      return { samples: [sample], health: { ...readiness.works, ...readiness.servers } };
    },
    stop: applied.stop,
  };
};

export const openSampler = (backends: Backends) => {
  const viewers = new Set<(overview: Overview) => void>();
  let samples: Sample[] = [];
  let latest: Overview | undefined;
  let leftAt = 0;
  let running = false;
  let closed = false;

  const isWanted = () => !closed && (viewers.size > 0 || performance.now() < leftAt + LINGER_MS);
  const run = async (): Promise<void> => {
    running = true;
    const sampling = openSampling(backends);
    try {
      while (isWanted()) {
        const began = performance.now();
        latest = await sampling.take();
        samples = [...samples, ...latest.samples].slice(-KEPT);
        for (const tell of viewers) tell(latest);
        const left = Math.max(50, EVERY_MS - (performance.now() - began));
        await sleep(left, undefined, { ref: false });
      }
    } finally {
      sampling.stop();
      running = false;
      // What is old by the time somebody comes again would look like now.
      latest = undefined;
    }
  };

  return {
    /**
     * Tells somebody each sample from now on.
     * @returns what is known already, undefined if nothing is, and a function that ends this
     */
    watch: (tell: (overview: Overview) => void): { known: Overview | undefined; leave: () => void } => {
      viewers.add(tell);
      if (!running) void run();
      const known = latest && { samples, health: latest.health };
      return {
        known,
        leave: () => {
          viewers.delete(tell);
          if (viewers.size === 0) leftAt = performance.now();
        },
      };
    },
    close: (): void => {
      closed = true;
    },
  };
};
