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
import { type CloudEvent, cloudEventOf } from './cloud-events.ts';

/**
 * How much is passed on at once, about, in bytes of entries, and how many these are at the most. An entry of a busy
 * consumer has some hundred events, one of an idle consumer a single one: with few of these at once the hub would mostly
 * wait for disks.
 */
const BYTES = 256 * 1024;
const MOST_ENTRIES = 64;
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
  /** How many entries are read at once. */
  let most = 8;

  /** The ids of events that are published while others of their entries are not: they are not published again. */
  let done = new Set<string>();

  /**
   * Publishes events, never two of one order at the same time: if the first were refused and the second taken, they
   * would come in the wrong order.
   * @returns why some could not be published; undefined if all are
   */
  const publishAll = async (events: CloudEvent[]): Promise<unknown> => {
    let left = events.filter(({ id }) => !done.has(id));
    /** Whose events have to wait for an earlier one. */
    const held = new Set<string>();
    let problem: unknown;
    for (;;) {
      const busy = new Set(held);
      const now: CloudEvent[] = [];
      const later: CloudEvent[] = [];
      for (const event of left) {
        (busy.has(event.orderId) ? later : now).push(event);
        busy.add(event.orderId);
      }
      if (now.length === 0) return problem;
      const published = await publisher.publish(now);
      for (const event of published.confirmed) done.add(event.id);
      for (const { id, orderId } of now) if (!done.has(id)) held.add(orderId);
      problem ??= published.problem;
      left = later;
    }
  };

  const published = async (entries: JournalEntry[]): Promise<boolean> => {
    const events = eventsOf(entries).flatMap((event) => cloudEventOf(event) ?? []);
    const problem = await publishAll(events);
    if (problem === undefined) {
      done = new Set();
      if (failing) observer.eventsPassAgain({});
      failing = false;
      observer.eventsPublished({ events: events.length });
      return true;
    }
    if (!failing) observer.eventsDelayed({ reason: reasonOf(problem) });
    failing = true;
    pausedUntil = performance.now() + PAUSE_MS;
    return false;
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

  /** Reads the oldest entries. @returns also whether there may be more @throws the database's error */
  const oldest = async (read: typeof readJournal, alone: Alone) => {
    const entries = await read(alone, most);
    const mayBeMore = entries.length === most;
    const bytes = entries.reduce((sum, { body }) => sum + body.length, 0);
    if (bytes > BYTES) most = Math.max(1, most >> 1);
    else if (mayBeMore) most = Math.min(MOST_ENTRIES, 2 * most);
    return { entries, mayBeMore };
  };

  /** @returns whether there may be more to do @throws the database's error */
  return async (connected: Connected): Promise<boolean> => {
    const { alone } = connected;
    if (performance.now() >= pausedUntil) {
      const { entries, mayBeMore } = await oldest(readJournal, alone);
      if (entries.length === 0) return false;
      if (await published(entries)) {
        await project(connected, entries, removeFromJournal);
        return mayBeMore;
      }
    }
    const { entries, mayBeMore } = await oldest(readUnprojected, alone);
    if (entries.length > 0) await project(connected, entries, markProjected);
    return mayBeMore;
  };
};
