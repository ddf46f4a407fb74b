/** What became of jobs, as MySQL keeps it. */
import { type SQL, sql } from 'drizzle-orm';
import { type JobEvent, type JobState, jobStates } from '../domain/job-events.ts';
import type { JobType } from '../domain/jobs.ts';
import type { Alone } from './alone.ts';
import { literal } from './literals.ts';
import type { Orm, Transaction } from './pool.ts';
import { readRows } from './rows.ts';
import { inserts, MODEST_BYTES, runEach } from './statements.ts';

/** How many rows a transaction removes at the most, so that it holds no lock for long. */
const ROWS_PER_CHUNK = 2_000;

const timeOrNull = (ms: number | undefined) => (ms === undefined ? null : new Date(ms));
const rowOf = (event: JobEvent): string =>
  `(${literal([
    event.job_id,
    event.order_id,
    event.job_type,
    event.state,
    event.version,
    event.attempts,
    event.reason,
    event.error,
    timeOrNull(event.accepted_at),
    new Date(event.at),
    event.request_id,
  ])})`;

/** Which of two states stands: domain/job-events.ts has the rule in words. */
const REPLACES = `CASE WHEN state = 'succeeded' THEN FALSE
  WHEN VALUES(state) = 'succeeded' THEN TRUE
  WHEN state IN ('superseded', 'cancelled') THEN FALSE
  WHEN VALUES(state) IN ('superseded', 'cancelled') THEN TRUE
  ELSE VALUES(changed_at) >= changed_at END`;
const INSERT =
  'INSERT INTO order_jobs (job_id, order_id, type, state, version, attempts, reason, error, accepted_at, changed_at, request_id) VALUES ';
/**
 * MySQL assigns from left to right, and REPLACES depends on the last two. A new `changed_at` does not change what it
 * says.
 */
const changing = ['attempts', 'reason', 'error', 'changed_at', 'state'];
const UPDATE = ` ON DUPLICATE KEY UPDATE ${changing
  .map((column) => `${column} = IF(${REPLACES}, VALUES(${column}), ${column})`)
  .join(', ')}`;

/**
 * Writes down what happened to jobs. To do it again changes nothing.
 * @param events in the order in which they happened
 * @param maxBytes how long a statement may be
 * @throws the database's error
 */
export const projectJobs = (
  tx: Pick<Transaction, 'execute'>,
  events: JobEvent[],
  maxBytes = MODEST_BYTES,
): Promise<void> =>
  events.length === 0
    ? Promise.resolve()
    : runEach(
        tx,
        inserts(INSERT, events.map(rowOf), maxBytes - UPDATE.length).map((insert) => insert + UPDATE),
      );

const COLUMNS = sql.raw(`job_id, order_id, type as job_type, state, version, attempts, reason, error,
  timestampdiff(microsecond, '1970-01-01', accepted_at) div 1000 as accepted_at,
  timestampdiff(microsecond, '1970-01-01', changed_at) div 1000 as at, request_id`);

/** Reads jobs, each as the last event that counts. */
const readJobs = async (orm: Orm, query: SQL): Promise<JobEvent[]> => {
  const rows = await readRows<{ [Name in keyof JobEvent]: JobEvent[Name] | null }>(orm, query);
  // What is not known is NULL there, and absent from an event.
  return rows.map(
    (row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as JobEvent,
  );
};

/** @returns undefined if nothing is known of the job @throws the database's error */
export const findJob = async (orm: Orm, jobId: string): Promise<JobEvent | undefined> => {
  const [job] = await readJobs(orm, sql`select ${COLUMNS} from order_jobs where job_id = ${jobId}`);
  return job;
};

/** Where a page of an order's jobs goes on: at older versions, and at the same one after a job. */
export interface OrderJobsAfter {
  version: number;
  jobId: string | undefined;
}

/**
 * The jobs of an order, the newest write first.
 * @param from undefined to begin with the newest
 * @throws the database's error
 */
export const jobsOfOrder = (
  orm: Orm,
  orderId: string,
  from: OrderJobsAfter | undefined,
  most: number,
): Promise<JobEvent[]> =>
  readJobs(
    orm,
    sql`select ${COLUMNS} from order_jobs where order_id = ${orderId}
      ${from === undefined ? sql`` : sql`and version <= ${from.version}`}
      ${from === undefined ? sql`` : sql`and (version < ${from.version} or job_id < ${from.jobId ?? ''})`}
      order by version desc, job_id desc limit ${most}`,
  );

/** Where a page of jobs goes on: after the last job of the page before it. */
export interface JobsAfter {
  changedAt: number;
  jobId: string;
}
export interface JobsQuery {
  state?: JobState | undefined;
  type?: JobType | undefined;
  orderId?: string | undefined;
  after?: JobsAfter | undefined;
}

/** Pages through jobs, those that changed last first. @throws the database's error */
export const listJobs = (
  orm: Orm,
  { state, type, orderId, after }: JobsQuery,
  most: number,
): Promise<JobEvent[]> => {
  const at = after && sql.raw(literal(new Date(after.changedAt)));
  const conditions = [
    ...(type ? [sql`type = ${type}`] : []),
    ...(orderId ? [sql`order_id = ${orderId}`] : []),
    ...(after ? [sql`(changed_at < ${at} or (changed_at = ${at} and job_id < ${after.jobId}))`] : []),
  ];
  const ofState = (one: JobState): SQL =>
    sql`(select * from order_jobs where ${sql.join([sql`state = ${one}`, ...conditions], sql` and `)}
      order by changed_at desc, job_id desc limit ${most})`;
  const lists = (state ? [state] : jobStates).map(ofState);
  return readJobs(
    orm,
    sql`select ${COLUMNS} from (${sql.join(lists, sql` union all `)}) as jobs
      order by jobs.changed_at desc, jobs.job_id desc limit ${most}`,
  );
};

/**
 * The jobs that were applied after a time, those that were applied last first.
 * @param since in milliseconds since 1970
 * @returns when each was accepted, null if its publisher did not say, and applied, in milliseconds since 1970
 * @throws the database's error
 */
export const appliedSince = (
  orm: Orm,
  since: number,
  most: number,
): Promise<{ acceptedAt: number | null; at: number }[]> =>
  readRows(
    orm,
    sql`select timestampdiff(microsecond, '1970-01-01', accepted_at) div 1000 as acceptedAt,
      timestampdiff(microsecond, '1970-01-01', changed_at) div 1000 as at
      from order_jobs where state = 'succeeded' and changed_at > ${sql.raw(literal(new Date(since)))}
      order by changed_at desc limit ${most}`,
  );

/**
 * Removes jobs of which nothing was heard since a time.
 * @returns how many, which is less than there are if there are many
 * @throws the database's error
 */
export const pruneJobs = async (alone: Alone, before: Date): Promise<number> => {
  let removed = 0;
  for (const state of jobStates) {
    const [{ affectedRows }] = await alone.execute(
      sql.raw(
        `DELETE FROM order_jobs WHERE state = ${literal(state)} AND changed_at < ${literal(before)} LIMIT ${ROWS_PER_CHUNK}`,
      ),
    );
    removed += affectedRows;
  }
  return removed;
};
