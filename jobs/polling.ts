/** Learns what happened to jobs from MySQL, again and again, as long as Redis does not tell it. */
import type { JobEvent } from '../domain/job-events.ts';
import { jittered } from '../process/jitter.ts';

const POLL_MS = 1_000;

const nameOf = ({ job_id, state, at }: JobEvent) => `${job_id} ${state} ${at}`;

/**
 * @param newest returns the jobs that changed last, the latest first
 * @param tell is called with what has happened since the polling began, or since the last call
 */
export const pollJobs = (newest: () => Promise<JobEvent[]>, tell: (events: JobEvent[]) => void) => {
  let seen: Set<string> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const poll = async (): Promise<void> => {
    const own = timer;
    // Whether MySQL is there is told elsewhere.
    const known = await newest().catch(() => undefined);
    if (timer !== own) return;
    if (known !== undefined) {
      const before = seen;
      seen = new Set(known.map(nameOf));
      const fresh = before && known.filter((event) => !before.has(nameOf(event)));
      if (fresh !== undefined && fresh.length > 0) tell(fresh.reverse());
    }
    next();
  };
  const next = () => {
    timer = setTimeout(poll, jittered(POLL_MS)).unref();
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
