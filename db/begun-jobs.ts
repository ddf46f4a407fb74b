/** How often jobs were begun that ended the process that took them, as far as is known. */
import { inArray, sql } from 'drizzle-orm';
import type { Orm } from './client.ts';
import { begunJobs } from './schema.ts';

/** @returns how often each of the jobs was begun; those that never were are left out */
export const readBegins = async (orm: Orm, jobIds: string[]): Promise<Map<string, number>> => {
  const rows = await orm.select().from(begunJobs).where(inArray(begunJobs.jobId, jobIds));
  return new Map(rows.map(({ jobId, times }) => [jobId, times]));
};

/** Counts that jobs are begun once more. */
export const countBegins = async (orm: Orm, jobIds: string[]): Promise<void> => {
  await orm
    .insert(begunJobs)
    .values(jobIds.map((jobId) => ({ jobId, times: 1 })))
    .onDuplicateKeyUpdate({ set: { times: sql`${begunJobs.times} + 1` } });
};

/** Forgets how often jobs were begun. */
export const forgetBegins = async (orm: Orm, jobIds: string[]): Promise<void> => {
  await orm.delete(begunJobs).where(inArray(begunJobs.jobId, jobIds));
};
