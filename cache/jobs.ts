/**
 * The jobs that wait or are dead letters: `job:{id}` holds the last event of each as JSON (domain/job-events.ts). All
 * events also go through one stream, from which each API process learns them at once (feed.ts).
 */
import type { Redis } from 'ioredis';
import { isEnded, type JobEvent } from '../domain/job-events.ts';
import { feedLength } from './feed.ts';
import { createGroups } from './groups.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { scanOn } from './masters.ts';
import { script } from './script.ts';

const tellScript = script('tell-jobs');

/** How many jobs one command is about: at most as many as a consumer applies at once by default. */
const TOLD_TOGETHER = 250;

/** How many keys one step of a page looks at, and how many steps a page takes at the most. */
const SCANNED = 100;
const MOST_SCANS = 200;

/** What is told of a job. `text` is the event as JSON. */
export interface JobTold {
  event: Pick<JobEvent, 'job_id' | 'state'>;
  text: string;
}

/**
 * What Redis knows of jobs. None of the methods rejects.
 * @param waitingTtl for how many seconds a job that waits is known
 * @param appliedTtl for how many seconds one is known that an operator or a reset has ended: MySQL has it by then
 */
export const cachedJobs = (
  { attempt, tell }: RedisLink,
  { waitingTtl, appliedTtl }: { waitingTtl: number; appliedTtl: number },
) => {
  const inGroups = createGroups(TOLD_TOGETHER);
  const ttlOf = ({ state }: JobTold['event']) => (isEnded(state) ? appliedTtl : waitingTtl);
  const keep = (redis: Redis, told: JobTold[], which: 'all' | 'known') =>
    tellScript(
      redis,
      told.map(({ event }) => keys.job(event.job_id)),
      ...told.flatMap(({ event, text }) => [text, ttlOf(event)]),
      which,
    );
  const keepSome = (redis: Redis, told: JobTold[]) => keep(redis, told, 'all');
  /** Tells those who listen. @param texts events as JSON */
  const feed = (redis: Redis, texts: string[]) => {
    const entry = `[${texts}]`;
    return redis.xadd(keys.feed, 'MAXLEN', '~', feedLength(entry.length), '*', 'events', entry);
  };
  const removeSome = (redis: Redis, told: JobTold[]) =>
    redis.unlink(...told.map(({ event }) => keys.job(event.job_id)));
  /** Tells those who listen, and beside that does `work`. */
  const telling = (told: JobTold[], work: (redis: Redis, some: JobTold[]) => Promise<unknown>) =>
    tell({
      tell: (redis) => {
        const texts = told.map(({ text }) => text);
        return Promise.all([inGroups(told, (some) => work(redis, some)), feed(redis, texts)]);
      },
      bytes: told.reduce((bytes, { text }) => bytes + 2 * text.length, 0),
    });

  return {
    /**
     * Notes a job that is being published, unless something happened to it already. Nobody waits for this.
     * @param text its event as JSON
     */
    accepted: (jobId: string, text: string): Promise<void> =>
      attempt(async (redis) => {
        await redis.set(keys.job(jobId), text, 'EX', waitingTtl, 'NX');
      }, undefined),

    /** Forgets a job whose publish was refused. */
    refused: (jobId: string): Promise<void> =>
      tell({ tell: (redis) => redis.unlink(keys.job(jobId)), bytes: jobId.length * 2 }),

    /** The last event of a job as JSON; undefined if Redis does not know the job, or is away. */
    find: (jobId: string): Promise<string | undefined> =>
      attempt(async (redis) => (await redis.get(keys.job(jobId))) ?? undefined, undefined),

    /**
     * Pages through the jobs, in no particular order.
     * @param cursor where the page begins, '0' at first
     * @param most events that are enough for a page; it may have some more, or fewer and yet a next page
     * @param wanted whether an event in JSON belongs to it
     * @returns the events, and where the next page begins, '0' at the end; undefined if Redis is away
     */
    page: (
      cursor: string,
      most: number,
      wanted: (text: string) => boolean,
    ): Promise<{ texts: string[]; cursor: string } | undefined> =>
      attempt(async (redis) => {
        const texts: string[] = [];
        let next = cursor;
        for (let scans = 0; scans < MOST_SCANS && texts.length < most; scans++) {
          const [after, found] = await scanOn(redis, next, keys.job('*'), SCANNED);
          for (const text of await Promise.all(found.map((key) => redis.get(key))))
            if (text !== null && wanted(text)) texts.push(text);
          next = after;
          if (next === '0') break;
        }
        return { texts, cursor: next };
      }, undefined),

    /** Tells what happened to jobs, those who listen too. */
    tell: (told: JobTold[]): Promise<void> => telling(told, keepSome),

    /**
     * Tells that a dead letter was put back on the queue, unless its job is over again by now: then it is not known here
     * any more, and must not be shown as waiting.
     */
    again: (told: JobTold): Promise<void> =>
      tell({
        tell: async (redis) => {
          if ((await keep(redis, [told], 'known')) === 1) await feed(redis, [told.text]);
        },
        bytes: 2 * told.text.length,
      }),

    /** Tells that jobs have ended. They are forgotten here, as MySQL knows them by now. */
    ended: (told: JobTold[]): Promise<void> => telling(told, removeSome),
  };
};
