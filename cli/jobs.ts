/** Jobs, as the API shows them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isEnded, type JobState, jobStates } from '../domain/job-events.ts';
import type { Api } from './api.ts';
import { CommandError, exitCodes } from './exit.ts';
import type { Fields } from './output.ts';
import type { Column, Style } from './table.ts';

export interface Job {
  job_id: string;
  job_type: string | null;
  order_id: string | null;
  status: string;
  attempts: number | null;
  reason: string | null;
  error: string | null;
  next_try_at: string | null;
  accepted_at: string | null;
  finished_at: string | null;
  request_id: string | null;
}

/** The longest that the API lets a request wait. */
const WAIT_SECONDS = 30;
const PAUSE_MS = 1_000;

const styles: Record<string, Style> = {
  succeeded: 'green',
  settled: 'green',
  superseded: 'cyan',
  queued: 'yellow',
  retrying: 'yellow',
  dead: 'red',
  discarded: 'magenta',
  cancelled: 'magenta',
};
export const styleOf = (status: string): Style | undefined => styles[status];

/** Why it failed, for people. */
export const reasonOf = ({ reason, error }: Pick<Job, 'reason' | 'error'>): string =>
  [reason, error].filter(Boolean).join(': ');

export const jobColumns: Column<Job>[] = [
  { head: 'STATUS', of: ({ status }) => status, style: ({ status }) => styleOf(status) },
  { head: 'TYPE', of: ({ job_type }) => job_type },
  { head: 'JOB', of: ({ job_id }) => job_id },
  { head: 'ACCEPTED', of: ({ accepted_at }) => accepted_at },
  { head: 'FINISHED', of: ({ finished_at }) => finished_at },
  { head: 'TRIED', of: ({ attempts }) => attempts, right: true },
  { head: 'REASON', of: reasonOf },
];

export const jobFields = (job: Job): Fields => [
  ['job', job.job_id],
  ['type', job.job_type],
  ['order', job.order_id],
  ['status', job.status, styleOf(job.status)],
  ['attempts', job.attempts],
  ['reason', job.reason],
  ['error', job.error],
  ['next try at', job.next_try_at],
  ['accepted at', job.accepted_at],
  ['finished at', job.finished_at],
  ['request', job.request_id],
];

/**
 * @param job its id, or the link to it that was in `Location`, also as a whole URL
 * @returns its path
 */
export const jobPath = (job: string): string => {
  const link = /\/jobs\/[^/?#]+(\?[^#]*)?/.exec(job)?.[0];
  return link ?? `/jobs/${encodeURIComponent(job)}`;
};

const isState = (status: string): status is JobState => jobStates.some((state) => state === status);
/** Whether nothing more happens to it unless an operator does something. */
export const isOver = (status: string): boolean =>
  status === 'settled' || status === 'dead' || (isState(status) && isEnded(status));

/**
 * Waits until a job is over. While the API is away it asks again.
 * @param path from `jobPath`
 * @param seconds how long at most
 * @returns the job, which may have failed
 * @throws CommandError if that takes longer, or there is no such job
 */
export const waitForJob = async (
  api: Api,
  path: string,
  seconds: number,
): Promise<Job & { text: string }> => {
  const deadline = performance.now() + seconds * 1_000;
  const left = () => Math.ceil(Math.max(0, deadline - performance.now()) / 1_000);
  for (;;) {
    const asked = performance.now();
    const wait = Math.min(left(), WAIT_SECONDS);
    const job = await api.get<Job>(path, { headers: { prefer: `wait=${wait}` } }).catch((error) => {
      const isAway = error instanceof CommandError && error.exitCode === exitCodes.away.code;
      if (!isAway || left() === 0) throw error;
      return undefined;
    });
    if (job && isOver(job.status)) return job;
    if (left() === 0)
      throw new CommandError(`The job is still ${job?.status ?? 'unknown'} after ${seconds} s.`, 'late');
    // A process that lets too many wait already answers at once.
    if (performance.now() - asked < PAUSE_MS) await sleep(Math.min(PAUSE_MS, left() * 1_000));
  }
};

/** @throws CommandError if a job that is over has not done what was asked for */
export const requireSuccess = (job: Job): void => {
  const why = reasonOf(job);
  const sentence = `The job is ${job.status}${why && ` (${why})`}.`;
  if (job.status === 'dead') throw new CommandError(sentence, 'dead');
  if (job.status === 'cancelled' || job.status === 'discarded') throw new CommandError(sentence);
};
