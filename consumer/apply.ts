/** Applying a batch of jobs: one transaction, whose number of statements does not grow with the batch. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Orm, Transaction } from '../db/client.ts';
import { addToCount } from '../db/counts.ts';
import { isDuplicate } from '../db/errors.ts';
import {
  deleteOrders,
  findDeleted,
  insertOrders,
  lockOrders,
  readLastReset,
  updateStatuses,
} from '../db/orders.ts';
import type { WriteJob } from '../order.ts';
import { type AcceptedJob, type Effect, type Plan, planBatch, type State } from './plan.ts';

/** void: the job was accepted before the last reset. */
export type Outcome = Effect | 'void';

export interface Applied {
  outcomes: Map<WriteJob, Outcome>;
  /** What each order is by now, those that are not there left out. */
  states: Map<string, State>;
}

/** Far more often than others can be faster. */
const MAX_TRIES = 20;

/** Another transaction was faster with one of the orders: what was planned is no longer right. */
class Overtaken extends Error {}

/** Whatever exists is locked from here on. */
const readStates = async (tx: Transaction, ids: string[]): Promise<Map<string, State>> => {
  const states: Map<string, State> = await lockOrders(tx, ids);
  const absent = ids.filter((id) => !states.has(id));
  for (const id of await findDeleted(tx, absent)) states.set(id, 'deleted');
  return states;
};

const execute = async (tx: Transaction, { inserts, updates, deletes }: Plan): Promise<void> => {
  if (inserts.length > 0) {
    await insertOrders(tx, inserts);
    // Asked after the insert, which waits for a delete that is being committed: no order comes back in between.
    const deleted = await findDeleted(
      tx,
      inserts.map(({ order }) => order.order_id),
    );
    if (deleted.length > 0) throw new Overtaken();
  }
  await updateStatuses(tx, updates);
  await deleteOrders(tx, deletes);
  await addToCount(tx, inserts.length - deletes.length);
};

const apply = (orm: Orm, jobs: AcceptedJob[], writeLagMs: number): Promise<Applied> =>
  orm.transaction(
    async (tx) => {
      const lastReset = await readLastReset(tx);
      const valid = jobs.filter(({ acceptedAt }) => acceptedAt > lastReset);
      const ids = [...new Set(valid.map(({ job }) => job.payload.order_id))].sort();
      const plan = planBatch(valid, await readStates(tx, ids));
      await execute(tx, plan);
      const outcomes = new Map<WriteJob, Outcome>(
        jobs.map(({ job }) => [job, plan.effects.get(job) ?? 'void']),
      );
      const changes = [...plan.effects.values()].includes('applied');
      if (changes && writeLagMs > 0) await sleep(writeLagMs);
      return { outcomes, states: plan.states };
    },
    // Looking for what is not there must not lock the gap that others insert into; what is there is locked.
    { isolationLevel: 'read committed' },
  );

/**
 * Applies jobs and commits.
 * @param jobs in the order of their delivery
 * @param writeLagMs how long the simulated slow database takes over changes before it commits
 * @throws the database's error; then nothing has changed, or (the connection was lost in the COMMIT) nobody can
 *   know, and applying the jobs once more is right either way
 */
export const applyJobs = async (orm: Orm, jobs: AcceptedJob[], writeLagMs: number): Promise<Applied> => {
  for (let tries = 1; ; tries++) {
    try {
      return await apply(orm, jobs, writeLagMs);
    } catch (error) {
      const again = error instanceof Overtaken || isDuplicate(error);
      if (!again || tries === MAX_TRIES) throw error;
    }
  }
};
