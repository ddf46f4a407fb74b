/**
 * Compares what clients and other services were told of jobs with what is stored. As the rest of the checker, it knows
 * nothing of how the service works.
 */
import type { OrderHistory, Write } from './history.ts';

/** An event as it came out of the queue that is bound to the exchange. */
export interface PublishedEvent {
  id: string;
  type: string;
  orderId: string;
  jobId: string;
  /** As text: the greater one of an order is the newer one. */
  sequence: string;
}

/** What was told in the end. */
export interface Told {
  /** What the link in a 202 says of a job, by the job's id: its state, or `HTTP` and the status of another answer. */
  states: Map<string, string>;
  /** In the order of the queue. */
  events: PublishedEvent[];
  /** The ids of the jobs in the history of an order, the newest first, by the order's id. */
  histories: Map<string, string[]>;
}

export const noJobViolations = {
  falseStates: 0,
  openJobs: 0,
  missingEvents: 0,
  doubledEvents: 0,
  misorderedEvents: 0,
  falseHistories: 0,
};
export type JobViolations = typeof noJobViolations;

/** Only these are believed at the end of all. */
const endStates = ['succeeded', 'superseded', 'settled', 'dead', 'cancelled'];

/** What is known of an order. */
interface Known {
  order: OrderHistory;
  /** Its status in MySQL; undefined if it is not there. */
  stored: string | undefined;
  /** Jobs in the dead letters. */
  dead: Set<string>;
}

/** Whether a write may be in a state, as far as the stored order and the other writes to it tell. */
const canBe = (state: string, at: number, { order: { writes }, stored, dead }: Known): boolean => {
  const { kind, status, jobId } = writes[at] ?? {};
  if (jobId !== undefined && dead.has(jobId)) return state === 'dead';
  const counts = (write: Write) => write.outcome !== 'refused' && !(write.jobId && dead.has(write.jobId));
  const later = writes.slice(at + 1).filter(counts);
  const isDeletedLater = later.some((write) => write.kind === 'delete');
  const isReplaced = isDeletedLater || (kind !== 'create' && later.length > 0);
  const isDeletedBefore = writes.slice(0, at).some((write) => write.kind === 'delete' && counts(write));
  switch (state) {
    case 'succeeded':
      if (kind === 'delete') return stored === undefined;
      if (stored === undefined) return isDeletedLater;
      return stored === status || later.some((write) => write.status === stored);
    case 'superseded':
      return isReplaced || isDeletedBefore;
    case 'settled':
      return later.length > 0 || isDeletedBefore || (kind === 'delete' && stored === undefined);
    case 'cancelled':
      return later.some(({ byReset }) => byReset);
    default:
      return false;
  }
};

const isChange = ({ type }: PublishedEvent) => type !== 'job.dead';
const idsOf = (events: PublishedEvent[]) => new Set(events.map(({ id }) => id));

const groupBy = <T>(list: T[], keyOf: (one: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const one of list) {
    const group = groups.get(keyOf(one));
    if (group) group.push(one);
    else groups.set(keyOf(one), [one]);
  }
  return groups;
};

/** Whether an order's changes, each at its first time, come in another order than they were made in. */
const areMisordered = (events: PublishedEvent[]): boolean => {
  const seen = new Set<string>();
  const first = events.filter(({ id }) => seen.size !== seen.add(id).size);
  return first.some(({ sequence }, i) => i > 0 && sequence < (first[i - 1]?.sequence ?? ''));
};

/**
 * Counts what is broken.
 * @param stored the status of each order in MySQL, by its customer's name
 * @param dead the jobs in the dead letters
 * @param count takes each violation
 */
export const checkJobs = (
  history: OrderHistory[],
  { stored, dead }: { stored: Map<string, string>; dead: Set<string> },
  { states, events, histories }: Told,
  count: (violation: keyof JobViolations, order: OrderHistory, what: string) => void,
): void => {
  const byOrder = groupBy(events.filter(isChange), ({ orderId }) => orderId);
  for (const order of history) {
    const { id = '', name, writes } = order;
    const ofOrder = byOrder.get(id) ?? [];
    const byJob = groupBy(ofOrder, ({ jobId }) => jobId);
    for (const [at, { jobId, outcome }] of writes.entries()) {
      if (outcome !== 'accepted' || jobId === undefined) continue;
      const state = states.get(jobId) ?? 'not asked for';
      const ids = idsOf(byJob.get(jobId) ?? []);
      if (!endStates.includes(state)) count('openJobs', order, `${jobId} is ${state}`);
      else if (!canBe(state, at, { order, stored: stored.get(name), dead }))
        count('falseStates', order, `${jobId} is ${state}, ${stored.get(name) ?? 'nothing'} is stored`);
      else if (ids.size > 0 && !['succeeded', 'settled'].includes(state))
        count('falseStates', order, `${jobId} is ${state}, an event says that it was done`);
      if (state === 'succeeded' && ids.size === 0) count('missingEvents', order, `none of ${jobId}`);
      if (ids.size > 1) count('doubledEvents', order, `${jobId} as ${[...ids]}`);
    }
    for (const [sequence, same] of groupBy(ofOrder, (event) => event.sequence))
      if (new Set(same.map(({ jobId }) => jobId)).size > 1)
        count('doubledEvents', order, `${same.length} are number ${sequence}`);
    if (areMisordered(ofOrder))
      count('misorderedEvents', order, ofOrder.map(({ sequence }) => sequence).join(', '));

    const kept = histories.get(id);
    if (kept === undefined) continue;
    const made = writes.flatMap(({ outcome, jobId }) => (outcome === 'accepted' && jobId ? [jobId] : []));
    // What nobody knows whether it was accepted may be among them.
    const wanted = new Set(made);
    const found = kept.filter((jobId) => wanted.has(jobId)).reverse();
    if (found.join() !== made.join()) count('falseHistories', order, `${found} instead of ${made}`);
  }
};
