/**
 * Finds out what became of a job, from what is cheapest and true:
 *   Redis    has what waits, and dead letters.
 *   MySQL    has what ended, in the table of jobs.
 *            Where the hub is a moment behind, the journal has it.
 *   If neither has the job (its entry has expired, Redis was emptied, the hub is behind), the order itself says it: a
 *   write whose version is not newer than the order's is over.
 * "Not found" is said only of an id that no job can have that was accepted within the time that is kept.
 */
import type { Cache } from '../../cache/cache.ts';
import type { Database } from '../../db/client.ts';
import { findJob } from '../../db/jobs.ts';
import { findInJournal, journalLag } from '../../db/journal.ts';
import { findVersion } from '../../db/orders.ts';
import { readInTime } from '../../db/reads.ts';
import { readReset } from '../../db/resets.ts';
import { isEnded, type JobEvent, readJobEvent, readJobEvents, standing } from '../../domain/job-events.ts';
import type { Clock } from '../../domain/versions.ts';
import { couldNotRead } from '../http/errors.ts';
import { type Job, ofEvent, withStatus } from './answers.ts';

/** If the hub is further behind, the journal is too long to be searched. */
const LAG_MS = 10_000;
const DAY_MS = 86_400_000;

/** What the link in a 202 says beside the job's id. */
export interface Coordinates {
  orderId: string;
  version: number;
}

interface Backends {
  cache: Cache;
  database: Database;
  clock: Clock;
}
interface Options {
  /** How old what Redis says of a waiting job may be, in milliseconds, to be believed without asking MySQL. */
  trustMs: number;
  historyDays: number;
  /** Finds out whether no job of this id can be waiting. */
  waitsNowhere: (jobId: string) => Promise<boolean>;
}

/** @returns functions that throw the database's error if only the database could answer and it does not */
export const jobFinder = (
  { cache, database: { orm }, clock }: Backends,
  { trustMs, historyDays, waitsNowhere }: Options,
) => {
  /** What the order says of a write to it. */
  const ofOrder = async (
    jobId: string,
    { orderId, version }: Coordinates,
    event?: JobEvent,
  ): Promise<Job> => {
    const known = event ? ofEvent(event) : withStatus(jobId, 'queued', { order_id: orderId });
    // How often it was tried in the end is not known, and what was wrong before is over.
    const over = { ...known, attempts: null, reason: null, error: null, next_try_at: null };
    const [state, reset] = await readInTime(() => Promise.all([findVersion(orm, orderId), readReset(orm)]));
    if (state === 'deleted' || (state !== undefined && state > version))
      return { ...over, status: 'settled' };
    // No other write has this version.
    if (state === version && version > 0) return { ...over, status: 'succeeded' };
    if (version <= reset.version) return { ...over, status: 'cancelled' };
    const isKept = historyDays === 0 || event !== undefined || clock.age(version) < historyDays * DAY_MS;
    return isKept ? known : { ...known, status: 'unknown' };
  };

  const inMysql = async (jobId: string, event: JobEvent | undefined, link: Coordinates | undefined) => {
    const row = await readInTime(() => findJob(orm, jobId));
    // What happened later counts, such as that a dead letter waits again.
    if (row && (isEnded(row.state) || (event && row.at >= event.at))) return ofEvent(row);
    if (row && event) return ofEvent(event);
    const coordinates = event ? { orderId: event.order_id, version: event.version } : link;
    // Without history nothing is kept of jobs, neither of those that wait nor of those that ended.
    const isUnknown = row === undefined && coordinates === undefined && historyDays > 0;
    const isNowhere = isUnknown && (await waitsNowhere(jobId));
    const lag = await readInTime(() => journalLag(orm));
    if (lag > 0 && lag <= LAG_MS) {
      const entries = await readInTime(() => findInJournal(orm, jobId));
      const told = entries.reverse().flatMap(readJobEvents);
      const own = told.filter(({ job_id }) => job_id === jobId);
      if (own.length > 0) return ofEvent(own.reduce(standing));
    }
    // The hub may have passed it on since we asked first.
    const late = await readInTime(() => findJob(orm, jobId));
    if (late) return ofEvent(late);
    if (coordinates) return ofOrder(jobId, coordinates, event);
    return isNowhere && lag <= LAG_MS ? undefined : withStatus(jobId, 'unknown');
  };

  return {
    /**
     * @param link where the id alone may not be enough
     * @returns undefined if there is no such job
     */
    one: async (jobId: string, link?: Coordinates): Promise<Job | undefined> => {
      const text = await cache.jobs.find(jobId);
      const event = text === undefined ? undefined : readJobEvent(text);
      if (event && (isEnded(event.state) || event.state === 'dead')) return ofEvent(event);
      const isFresh = event && event.at * 1_000 > cache.since() && clock.age(event.at * 1_000) < trustMs;
      if (isFresh) return ofEvent(event);
      try {
        return await inMysql(jobId, event, link);
      } catch (error) {
        // Without MySQL no job ends.
        if (event && couldNotRead(error)) return ofEvent(event);
        throw error;
      }
    },
  };
};
export type JobFinder = ReturnType<typeof jobFinder>;
