/**
 * Waits until jobs are over. A waiter is registered before its job is published, so it misses nothing; and as an event
 * may be lost all the same, each waiter also asks now and then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isEnded, type JobEvent, type JobState } from '../domain/job-events.ts';
import { jittered } from '../process/jitter.ts';
import type { Listening } from './listening.ts';

/** How many may wait in a process at once. */
const MOST_WAITERS = 10_000;
/** The pauses between the questions of a waiter: the first one, and the longest with and without what is heard. */
const FIRST_MS = 1_000;
const FIRST_UNHEARD_MS = 100;
const LONGEST_MS = 5_000;
const LONGEST_UNHEARD_MS = 1_000;

/** Whether nothing more happens to a job unless an operator does something. */
export const isOver = (state: JobState): boolean => state === 'dead' || isEnded(state);

export interface Waiter {
  /** Resolves when the job may be published. Never rejects. */
  begun: Promise<void>;
  /**
   * Waits until the job is over. To be called once.
   * @param ask finds out what became of the job otherwise; undefined if it is not over
   * @param ms how long to wait, in milliseconds
   * @returns undefined if the time is over, or the waiting was ended. Never rejects.
   */
  over<T>(ask: () => Promise<T | undefined>, ms: number): Promise<JobEvent | T | undefined>;
  /** Ends the waiting. */
  end(): void;
}

export interface Waiting {
  /** @returns undefined if too many wait already, or the process is ending */
  forJob(jobId: string): Waiter | undefined;
  /** Ends all waiting, for good. */
  endAll(): void;
}

const STILL: unique symbol = Symbol('still waiting');

/** @param most how many may wait at once */
export const openWaiting = (listening: Listening, most = MOST_WAITERS): Waiting => {
  const ends = new Set<() => void>();
  let ended = false;

  const register = (jobId: string): Waiter => {
    const ending = new AbortController();
    const { signal } = ending;
    let finish = (_event: JobEvent | undefined) => {};
    const heard = new Promise<JobEvent | undefined>((resolve) => {
      finish = resolve;
    });
    const stop = listening.toJob(jobId, {
      heard: (all) => {
        for (const { event } of all) if (isOver(event.state)) finish(event);
      },
    });
    const end = (): void => {
      if (!ends.delete(end)) return;
      stop();
      finish(undefined);
      ending.abort();
    };
    ends.add(end);
    const pause = (ms: number): Promise<typeof STILL> =>
      sleep<typeof STILL>(ms, STILL, { signal }).catch(() => STILL);

    return {
      begun: listening.begun(),
      over: async (ask, ms) => {
        const deadline = performance.now() + ms;
        let next = listening.isLive() ? FIRST_MS : FIRST_UNHEARD_MS;
        try {
          for (;;) {
            const left = Math.max(0, deadline - performance.now());
            const event = await Promise.race([heard, pause(Math.min(left, jittered(next)))]);
            if (event !== STILL) return event;
            if (performance.now() >= deadline) return undefined;
            const answer = await Promise.race([heard, ask().catch(() => undefined)]);
            if (answer !== undefined || signal.aborted) return answer;
            next = Math.min(2 * next, listening.isLive() ? LONGEST_MS : LONGEST_UNHEARD_MS);
          }
        } finally {
          end();
        }
      },
      end,
    };
  };

  return {
    forJob: (jobId) => (ended || ends.size >= most ? undefined : register(jobId)),
    endAll: () => {
      ended = true;
      for (const end of ends) end();
    },
  };
};
