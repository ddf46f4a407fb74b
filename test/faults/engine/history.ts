/** What clients did, what they were answered, and what they saw: all that the checker has to go by. */

/** unknown: no answer came, or one that says that nobody can know whether the write was accepted. */
export type Outcome = 'accepted' | 'refused' | 'unknown';

export interface Write {
  kind: 'create' | 'status' | 'delete';
  /** The status that it sets; not that of a delete. */
  status: string;
  outcome: Outcome;
  jobId?: string;
  /** Where its 202 says that its story is, from the root on. */
  location?: string;
  /** No client asked for this delete: it stands for a reset. */
  byReset?: boolean;
}

/** What a GET showed: a status, or that there is no such order. */
export interface Read {
  /** How many of the order's writes came before it. */
  after: number;
  saw: string;
}

/** One order and all that its only writer did to it, one thing after the other. */
export interface OrderHistory {
  /** Its customer's name, which no other order has: known also where the order's id is not. */
  name: string;
  quantity: number;
  id?: string;
  writes: Write[];
  reads: Read[];
}

export const GONE = '(gone)';
