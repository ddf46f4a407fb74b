/** Writes that were accepted. */
import type { Answer } from './api.ts';
import type { Context } from './context.ts';
import { type Job, jobFields, jobPath, requireSuccess, waitForJob } from './jobs.ts';
import type { Waited } from './options.ts';

export interface Accepted {
  job_id: string;
  job_type: string;
  status: string;
  order_id: string;
  message: string;
}

/**
 * Tells of a write that was accepted, or waits and tells what became of it.
 * @throws CommandError if the job has failed or is not over in time
 */
export const tellAccepted = async (
  { api, out }: Context,
  { headers, text }: Answer,
  { wait, timeout }: Waited,
): Promise<void> => {
  const accepted = JSON.parse(text) as Accepted;
  const link = headers.location ?? jobPath(accepted.job_id);
  if (!wait) {
    await out.one({ ...accepted, link }, [
      ['order', accepted.order_id],
      ['job', accepted.job_id],
      ['status', accepted.status, 'yellow'],
      ['link', link],
    ]);
    return;
  }
  const { text: body, ...job }: Job & { text: string } = await waitForJob(api, jobPath(link), timeout);
  await out.one(body, jobFields(job));
  requireSuccess(job);
};
