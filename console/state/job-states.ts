/** The states of a job, as the picture has them. */
import type { JobState } from '../../domain/job-events.ts';

export const jobStates = [
  'queued',
  'retrying',
  'dead',
  'succeeded',
  'superseded',
  'cancelled',
  'discarded',
] as const satisfies readonly JobState[];
