/**
 * Tells the story of each job: to the journal, from which the hub passes it on, and to Redis, where those who wait for
 * a job learn of it at once. With HISTORY_DAYS=0 nothing is told.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../cache/cache.ts';
import type { Orm } from '../db/client.ts';
import { addToJournal } from '../db/journal.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Told } from './applied.ts';

/** How long somebody waits for the journal who has other things to do should MySQL be away. */
const JOURNAL_WITHIN_MS = 1_000;
const RETRY_MS = 1_000;
/** More than that is not kept for a MySQL that is away. The dead letters say the same. */
const MOST_KEPT = 10_000;

export interface Story {
  /** False with HISTORY_DAYS=0. */
  readonly isTold: boolean;
  /** Tells what a transaction has committed, together with its entry in the journal. Never rejects. */
  committed(told: Told[]): Promise<void>;
  /**
   * Tells what no transaction goes with. If MySQL is away the journal gets it later, and nobody waits longer than a
   * second for it. Never rejects.
   */
  happened(...told: (Told | undefined)[]): Promise<void>;
  /** Tells that a dead letter was put back on the queue, as its job may be over again. Never rejects. */
  again(told: Told | undefined): Promise<void>;
  /** Writes into the journal what is about to happen, and waits no longer either. Never rejects. */
  foretold(told: Told | undefined): Promise<void>;
  /** Tells what the journal has, or need not have, as that a job comes again. Never rejects. */
  passing(told: Told | undefined): Promise<void>;
  /** Ends the tries to reach the journal. */
  close(): void;
}

/** @param keeps whether any history is kept */
export const openStory = ({ jobs }: Pick<Cache, 'jobs'>, orm: Orm, keeps: boolean): Story => {
  const ending = new AbortController();
  let left: Told[] = [];
  let writing: Promise<void> | undefined;

  const write = async (): Promise<void> => {
    while (left.length > 0 && !ending.signal.aborted) {
      const events = left;
      left = [];
      try {
        await addToJournal(orm, events);
      } catch {
        // Whether MySQL is there is told elsewhere. An entry that was written after all is harmless.
        left = [...events, ...left].slice(0, MOST_KEPT);
        await sleep(RETRY_MS, undefined, { signal: ending.signal, ref: false }).catch(() => {});
      }
    }
    writing = undefined;
  };
  const journal = (told: Told[]): Promise<void> => {
    left.push(...told);
    writing ??= write();
    return writing;
  };

  const journalInTime = async (told: Told[]): Promise<void> => {
    await withDeadline(journal(told), JOURNAL_WITHIN_MS).catch(() => {});
  };

  return {
    isTold: keeps,
    committed: async (told) => {
      const certain = told.filter(({ isDoubtful }) => !isDoubtful);
      if (keeps && certain.length > 0) await jobs.ended(certain);
    },
    happened: async (...told) => {
      const all = told.filter((one) => one !== undefined);
      if (!keeps || all.length === 0) return;
      await Promise.all([jobs.tell(all), journalInTime(all)]);
    },
    again: async (told) => {
      if (keeps && told) await Promise.all([jobs.again(told), journalInTime([told])]);
    },
    foretold: async (told) => {
      if (keeps && told) await journalInTime([told]);
    },
    passing: async (told) => {
      if (keeps && told) await jobs.tell([told]);
    },
    close: () => ending.abort(),
  };
};
