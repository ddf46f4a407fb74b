/** Learns what happened to jobs from MySQL, again and again, as long as Redis does not tell it. */
import type { JobRow } from '../db/jobs.ts';
import type { JobEvent } from '../domain/job-events.ts';

const POLL_MS = 1_000;

const eventOf = (row: JobRow): JobEvent => ({
  job_id: row.jobId,
  job_type: row.type,
  order_id: row.orderId,
  version: row.version,
  state: row.state,
  at: row.changedAt,
  accepted_at: row.acceptedAt ?? undefined,
  attempts: row.attempts,
  request_id: row.requestId ?? undefined,
  reason: row.reason ?? undefined,
  error: row.error ?? undefined,
});
const nameOf = ({ jobId, state, changedAt }: JobRow) => `${jobId} ${state} ${changedAt}`;

/**
 * @param newest returns the jobs that changed last, the latest first
 * @param tell is called with what has happened since the polling began, or since the last call
 */
export const pollJobs = (newest: () => Promise<JobRow[]>, tell: (events: JobEvent[]) => void) => {
  let seen: Set<string> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const poll = async (): Promise<void> => {
    const own = timer;
    // Whether MySQL is there is told elsewhere.
    const rows = await newest().catch(() => undefined);
    if (timer !== own) return;
    if (rows !== undefined) {
      const before = seen;
      seen = new Set(rows.map(nameOf));
      const events = before && rows.filter((row) => !before.has(nameOf(row))).map(eventOf);
      if (events !== undefined && events.length > 0) tell(events.reverse());
    }
    next();
  };
  const next = () => {
    timer = setTimeout(poll, POLL_MS * (0.8 + Math.random() * 0.4)).unref();
  };

  return {
    start: (): void => {
      if (timer !== undefined) return;
      timer = setTimeout(poll, 0).unref();
    },
    stop: (): void => {
      clearTimeout(timer);
      timer = undefined;
      seen = undefined;
    },
  };
};
