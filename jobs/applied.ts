/** A job on its way, and what a transaction made of it. */
import type { WriteJob } from '../domain/jobs.ts';
import type { Effect, State } from '../domain/plan.ts';
import type { Delivery } from '../queue/deliveries.ts';

/** A job and the delivery that brought it. */
export interface Entry {
  job: WriteJob;
  delivery: Delivery;
}

/** void: the job was accepted before the last reset. invalid: it is from further ahead than any clock can be. */
export type Verdict = Effect | 'void' | 'invalid';

export interface Applied {
  verdicts: Map<WriteJob, Verdict>;
  /** What is wrong with those that are invalid, in a sentence each. */
  problems: Map<WriteJob, string>;
  /** What each order is by now, those that are not there left out. */
  states: Map<string, State>;
}
