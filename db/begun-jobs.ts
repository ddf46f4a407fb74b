/** How often jobs were begun that ended the process that took them, as far as is known. */
import { inArray, sql } from 'drizzle-orm';
import type { Orm } from './client.ts';
import { begunJobs } from './schema.ts';
import { MODEST_BYTES, partsOf } from './statements.ts';

/** The id of another publisher's job: 64 characters of any kind, in hexadecimal. */
const JOB_ID_BYTES = 600;
const parts = (jobIds: string[]) => partsOf(jobIds, JOB_ID_BYTES, MODEST_BYTES);

/** @returns how often each of the jobs was begun; those that never were are left out */
export const readBegins = async (orm: Orm, jobIds: string[]): Promise<Map<string, number>> => {
  const begins = new Map<string, number>();
  for (const some of parts(jobIds)) {
    const rows = await orm.select().from(begunJobs).where(inArray(begunJobs.jobId, some));
    for (const { jobId, times } of rows) begins.set(jobId, times);
  }
  return begins;
};

/** Counts that jobs are begun once more. */
export const countBegins = async (orm: Orm, jobIds: string[]): Promise<void> => {
  for (const some of parts(jobIds))
    await orm
      .insert(begunJobs)
      .values(some.map((jobId) => ({ jobId, times: 1 })))
      .onDuplicateKeyUpdate({ set: { times: sql`${begunJobs.times} + 1` } });
};

/** Removes the rows of jobs that are done. @throws the database's error */
export const removeBegins = async (orm: Orm, jobIds: string[]): Promise<void> => {
  for (const some of parts(jobIds)) await orm.delete(begunJobs).where(inArray(begunJobs.jobId, some));
};
