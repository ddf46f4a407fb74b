/**
 * Passes on what the journal says: publishes it for other services, writes it down in the table of jobs, and only then
 * removes it. Whatever is cut short is done again, and doing it again changes nothing. If RabbitMQ takes no events, the
 * jobs are written down all the same, and the publishing is made up for.
 */
import type { Alone } from '../db/alone.ts';
import { projectJobs } from '../db/jobs.ts';
import {
  type JournalEntry,
  markProjected,
  readJournal,
  readUnprojected,
  removeFromJournal,
} from '../db/journal.ts';
import { readJobEvents } from '../domain/job-events.ts';
import type { Observer } from '../process/observer.ts';
import { reasonOf } from '../queue/errors.ts';
import type { EventPublisher } from '../queue/events.ts';
import { cloudEventOf } from './cloud-events.ts';

/** Entries at once. One of a busy consumer has some hundred events. */
const ENTRIES = 8;
/** How long nothing is published after RabbitMQ has refused. */
const PAUSE_MS = 1_000;

/** A connection of its own, and how many bytes may be sent over it at once. */
export interface Connected {
  alone: Alone;
  maxBytes: number;
}

const eventsOf = (entries: JournalEntry[]) => entries.flatMap(({ body }) => readJobEvents(body));

/** Makes the function that passes on the oldest entries. */
export const createPassing = (publisher: EventPublisher, observer: Observer) => {
  let pausedUntil = 0;
  let failing = false;

  const published = async (entries: JournalEntry[]): Promise<boolean> => {
    const events = eventsOf(entries).flatMap((event) => cloudEventOf(event) ?? []);
    try {
      if (events.length > 0) await publisher.publish(events);
      if (failing) observer.eventsPassAgain({});
      failing = false;
      observer.eventsPublished({ events: events.length });
      return true;
    } catch (error) {
      if (!failing) observer.eventsDelayed({ reason: reasonOf(error) });
      failing = true;
      pausedUntil = performance.now() + PAUSE_MS;
      return false;
    }
  };

  const project = (
    { alone, maxBytes }: Connected,
    entries: JournalEntry[],
    end: typeof removeFromJournal | typeof markProjected,
  ): Promise<void> =>
    alone.transaction(async (tx) => {
      await projectJobs(tx, eventsOf(entries.filter(({ projected }) => !projected)), maxBytes);
      await end(tx, entries);
    });

  /** @returns whether there was as much as is done at once, so that there may be more @throws the database's error */
  return async (connected: Connected): Promise<boolean> => {
    const { alone } = connected;
    if (performance.now() >= pausedUntil) {
      const entries = await readJournal(alone, ENTRIES);
      if (entries.length === 0) return false;
      if (await published(entries)) {
        await project(connected, entries, removeFromJournal);
        return entries.length === ENTRIES;
      }
    }
    const entries = await readUnprojected(alone, ENTRIES);
    if (entries.length > 0) await project(connected, entries, markProjected);
    return entries.length === ENTRIES;
  };
};
