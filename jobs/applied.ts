/** A job that was delivered, and what a transaction made of it. */
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

export interface Applied {
  verdicts: Map<WriteJob, Verdict>;
  /** What is wrong with each invalid job, in a sentence. */
  problems: Map<WriteJob, string>;
  /** The state of each order by now, without orders that do not exist. */
  states: Map<string, State>;
}
