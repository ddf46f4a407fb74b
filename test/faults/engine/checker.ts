/**
 * Compares what was accepted with what is there, and knows nothing of how the service works. The only writer of an
 * order makes one write after the other, so the accepted ones lead to one state, and each unknown one may have happened
 * or not.
 */
import { GONE, type OrderHistory, type Write } from './history.ts';
import { checkJobs, noJobViolations, type Told } from './job-checker.ts';

/** An order as MySQL holds it in the end. */
export interface StoredOrder {
  id: string;
  name: string;
  status: string;
  items: { name: string; quantity: number }[];
}

export interface FinalState {
  stored: StoredOrder[];
  /** What GET shows of each order that was accepted, by id: a status or GONE. */
  shown: Map<string, string>;
  /** Jobs in the dead letters. */
  dead: Set<string>;
  /** What was told of jobs; undefined if that is not to be judged yet. */
  told?: Told;
}

export const noViolations = {
  lost: 0,
  duplicated: 0,
  misordered: 0,
  revived: 0,
  ghosts: 0,
  readYourWrites: 0,
  ...noJobViolations,
};
export type Violations = typeof noViolations;

/** Every state in which these writes may leave the order. A job among the dead letters had no effect. */
const possibleStates = (writes: Write[], dead: Set<string>): Set<string> => {
  let states = new Set([GONE]);
  for (const { kind, status, outcome, jobId } of writes) {
    if (outcome === 'refused' || (jobId !== undefined && dead.has(jobId))) continue;
    const exists = [...states].some((state) => state !== GONE);
    const after =
      kind === 'create' ? new Set([status]) : new Set(kind === 'delete' || !exists ? [GONE] : [status]);
    // A status reaches only an order that exists.
    if (kind === 'status' && states.has(GONE)) after.add(GONE);
    states = outcome === 'accepted' ? after : new Set([...states, ...after]);
  }
  return states;
};

const has = (writes: Write[], kind: Write['kind'], outcome: Write['outcome']) =>
  writes.some((write) => write.kind === kind && write.outcome === outcome);

/** Which promise is broken if an order is in a state in which it must not be. */
const classify = (state: string, possible: Set<string>, writes: Write[]): keyof Violations => {
  if (state === GONE)
    return has(writes, 'delete', 'refused') && !has(writes, 'delete', 'unknown') ? 'ghosts' : 'lost';
  if (possible.size === 1 && possible.has(GONE))
    return has(writes, 'delete', 'accepted') ? 'revived' : 'ghosts';
  const refused = writes.some((write) => write.outcome === 'refused' && write.status === state);
  return refused ? 'ghosts' : 'misordered';
};

/** A delete that waits shows the order as deleting. */
const isShownAs = (saw: string, possible: Set<string>): boolean =>
  possible.has(saw) || (saw === 'deleting' && possible.has(GONE));

/**
 * Counts what is broken.
 * @param readYourWrites whether reads while the load ran are to be judged; what is shown in the end always is
 * @returns the counts, and a line for each violation
 */
export const check = (
  history: OrderHistory[],
  { stored, shown, dead, told }: FinalState,
  { readYourWrites }: { readYourWrites: boolean },
) => {
  const violations: Violations = { ...noViolations };
  const details: string[] = [];
  const count = (violation: keyof Violations, order: OrderHistory, what: string) => {
    violations[violation]++;
    details.push(`${violation}: ${what}: ${JSON.stringify({ ...order, reads: order.reads.length })}`);
  };
  const byName = new Map<string, StoredOrder[]>();
  for (const order of stored) byName.set(order.name, [...(byName.get(order.name) ?? []), order]);

  for (const order of history) {
    const { name, quantity, id, writes, reads } = order;
    const found = byName.get(name) ?? [];
    byName.delete(name);
    const possible = possibleStates(writes, dead);
    if (found.length > 1) count('duplicated', order, `${found.length} orders`);
    for (const { status, items } of found.slice(0, 1)) {
      if (!possible.has(status)) count(classify(status, possible, writes), order, `stored as ${status}`);
      if (items.length !== 1 || items[0]?.quantity !== quantity)
        count('duplicated', order, JSON.stringify(items));
    }
    if (found.length === 0 && !possible.has(GONE))
      count(classify(GONE, possible, writes), order, 'not stored');

    const last = id === undefined ? undefined : shown.get(id);
    const state = found[0]?.status ?? GONE;
    if (last !== undefined && last !== state)
      count('readYourWrites', order, `${last} is shown, ${state} stored`);
    if (!readYourWrites) continue;
    for (const { after, saw } of reads) {
      const before = writes.slice(0, after);
      const allowed = possibleStates(before, new Set());
      if (isShownAs(saw, allowed)) continue;
      const kind = classify(saw, allowed, before);
      count(
        kind === 'ghosts' ? 'ghosts' : 'readYourWrites',
        order,
        `after ${after} writes a GET showed ${saw}`,
      );
    }
  }
  const statuses = new Map(stored.map(({ name, status }) => [name, status]));
  if (told) checkJobs(history, { stored: statuses, dead }, told, count);
  for (const [name, orders] of byName) {
    violations.ghosts += orders.length;
    details.push(`ghosts: nobody made ${name}`);
  }
  return { violations, details };
};
