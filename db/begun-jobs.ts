/** Counts how often jobs were begun that may have ended the process that took them. */
import { format } from './literals.ts';
import type { Orm } from './pool.ts';
import { MODEST_BYTES, partsOf, runAll, runEach } from './statements.ts';

/** How long the id of a job can be in a statement: another publisher's may be 64 characters of any kind. */
const JOB_ID_BYTES = 600;

/** The statement for some jobs at a time, so that it never gets too long. */
const forSome = (jobIds: string[], statement: (some: string[]) => string): string[] =>
  partsOf(jobIds, JOB_ID_BYTES, MODEST_BYTES).map(statement);

/**
 * Reads how often jobs were begun.
 * @returns how often each of the jobs was begun; those that never were are left out
 * @throws the database's error
 */
export const readBegins = async (orm: Orm, jobIds: string[]): Promise<Map<string, number>> => {
  const statements = forSome(jobIds, (some) =>
    format('SELECT job_id, times FROM begun_jobs WHERE job_id IN (?)', [some]),
  );
  const results = await runAll(orm, statements);
  const rows = results.flat() as { job_id: string; times: number }[];
  return new Map(rows.map(({ job_id, times }) => [job_id, times]));
};

/** Counts that jobs are begun once more. @throws the database's error */
export const countBegins = (orm: Orm, jobIds: string[]): Promise<void> =>
  runEach(
    orm,
    forSome(jobIds, (some) =>
      format('INSERT INTO begun_jobs (job_id, times) VALUES ? ON DUPLICATE KEY UPDATE times = times + 1', [
        some.map((jobId) => [jobId, 1]),
      ]),
    ),
  );

/** Removes the rows of jobs that are done. @throws the database's error */
export const removeBegins = (orm: Orm, jobIds: string[]): Promise<void> =>
  runEach(
    orm,
    forSome(jobIds, (some) => format('DELETE FROM begun_jobs WHERE job_id IN (?)', [some])),
  );
