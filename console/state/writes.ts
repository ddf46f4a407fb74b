/** The writes that were made in this tab: each is followed until it is over, whatever page is shown. */
import { signal } from '@preact/signals';
import type { Job } from '../../api/jobs/answers.ts';
import { call, callFully, Failure } from './calls.ts';

const POLL_MS = 1_000;
const LONGEST_MS = 5_000;
const KEPT = 50;
const WRITES = 'console.writes';

/** A job, and the link that tells of it for the longest time. */
export interface Write {
  job: Job;
  link: string;
}

interface Accepted {
  job_id: string;
  job_type: Job['job_type'];
  order_id: string;
}

const over = new Set<Job['status']>(['succeeded', 'superseded', 'dead', 'discarded', 'cancelled', 'settled']);
export const isOver = ({ status }: Pick<Job, 'status'>): boolean => over.has(status);

const kept = (): Write[] => {
  try {
    return JSON.parse(sessionStorage.getItem(WRITES) ?? '[]');
  } catch {
    return [];
  }
};

/** @param changed is called with the order of a write whose state is another one now */
export const createWrites = (changed: (orderId: string) => void) => {
  const writes = signal<Write[]>(kept());
  const following = new Set<string>();
  const put = (write: Write): void => {
    const others = writes.peek().filter(({ job }) => job.job_id !== write.job.job_id);
    writes.value = [write, ...others].slice(0, KEPT);
    sessionStorage.setItem(WRITES, JSON.stringify(writes.value));
  };

  /** Asks again and again, with growing pauses. The server answers when the job is over, or after some seconds. */
  const follow = async ({ job, link }: Write): Promise<void> => {
    if (following.has(job.job_id)) return;
    following.add(job.job_id);
    let last = job;
    for (let pause = POLL_MS; !isOver(last); pause = Math.min(2 * pause, LONGEST_MS)) {
      try {
        const found = await call<Job>(link);
        if (found.status !== last.status) {
          put({ job: found, link });
          changed(found.order_id ?? '');
          pause = POLL_MS / 2;
        }
        last = found;
      } catch (error) {
        if (!(error instanceof Failure) || error.kind === 'missing') break;
      }
      if (!isOver(last)) await new Promise((resolve) => setTimeout(resolve, pause));
    }
    following.delete(job.job_id);
  };

  return {
    writes,
    resume: (): void => {
      for (const write of writes.peek()) void follow(write);
    },
    /**
     * Sends a write to an order.
     * @returns what the server says of the job
     * @throws Failure
     */
    send: async (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<Accepted> => {
      const { value, headers } = await callFully<Accepted>(path, { method, body });
      const link = (headers.get('location') ?? `/jobs/${value.job_id}`).replace(/^\//, '');
      const job: Job = {
        job_id: value.job_id,
        job_type: value.job_type,
        order_id: value.order_id,
        status: 'queued',
        attempts: 0,
        reason: null,
        error: null,
        next_try_at: null,
        accepted_at: new Date().toISOString(),
        finished_at: null,
        request_id: headers.get('x-request-id'),
      };
      put({ job, link });
      changed(value.order_id);
      void follow({ job, link });
      return value;
    },
  };
};
export type Writes = ReturnType<typeof createWrites>;
