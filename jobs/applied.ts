/** A job that was delivered, and what a transaction made of it. */
import type { JobEvent } from '../domain/job-events.ts';
import type { WriteJob } from '../domain/jobs.ts';
import type { Effect, State } from '../domain/plan.ts';
import type { Delivery } from '../queue/deliveries.ts';

/** A job and the delivery that brought it. */
export interface Entry {
  job: WriteJob;
  delivery: Delivery;
}

/** void: the job was accepted before the last reset. invalid: its version or time is further ahead than any clock. */
export type Verdict = Effect | 'void' | 'invalid';

/** What happened to a job, as JSON (domain/job-events.ts, domain/packed-events.ts). */
export interface Told {
  event: Pick<JobEvent, 'job_id' | 'state'>;
  /** Without the order. */
  text: string;
  /** With it, if it is not too long. */
  full: string;
  /** Whether the journal may know better: then it is not told to those who do not ask the journal. */
  isDoubtful?: boolean;
}

export interface Applied {
  verdicts: Map<WriteJob, Verdict>;
  /** What is wrong with each invalid job, in a sentence. */
  problems: Map<WriteJob, string>;
  /** What the journal has of it. */
  told: Told[];
  /** The state of each order by now, without orders that do not exist. */
  states: Map<string, State>;
}

/** @returns how many jobs came to each verdict */
export const countVerdicts = ({ verdicts }: Pick<Applied, 'verdicts'>): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const verdict of verdicts.values()) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
};
