/** Applying a batch of jobs: one transaction, whose number of round trips does not grow with the batch. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Orm } from '../db/client.ts';
import { isDuplicate } from '../db/errors.ts';
import { changeOrders, readBefore } from '../db/orders.ts';
import type { WriteJob } from '../order.ts';
import { type AcceptedJob, type Effect, planBatch, type State } from './plan.ts';

/** void: the job was accepted before the last reset. */
export type Outcome = Effect | 'void';

export interface Applied {
  outcomes: Map<WriteJob, Outcome>;
  /** What each order is by now, those that are not there left out. */
  states: Map<string, State>;
}

/** Far more often than others can be faster. */
const MAX_TRIES = 20;

/** What was planned is not right: an order is not as it was taken to be, or another transaction was faster. */
class Overtaken extends Error {}

const idsOf = (jobs: AcceptedJob[]) => new Set(jobs.map(({ job }) => job.payload.order_id));

/**
 * Three round trips and a COMMIT, however many jobs.
 * @param trusting takes orders that the jobs create for new ones, without looking; that they are shows in the insert
 */
const apply = (orm: Orm, jobs: AcceptedJob[], writeLagMs: number, trusting: boolean): Promise<Applied> =>
  orm.transaction(async (tx) => {
    const created = idsOf(trusting ? jobs.filter(({ job }) => job.type === 'create_order') : []);
    const ids = [...idsOf(jobs)].filter((id) => !created.has(id)).sort();
    const { lastReset, versions, deleted } = await readBefore(tx, ids);
    const states = new Map<string, State>(versions);
    for (const id of deleted) states.set(id, 'deleted');

    const plan = planBatch(
      jobs.filter(({ acceptedAt }) => acceptedAt > lastReset),
      states,
    );
    const deletedBefore = await changeOrders(tx, plan);
    // They must not come back.
    if (deletedBefore.length > 0) throw new Overtaken();
    const outcomes = new Map<WriteJob, Outcome>(
      jobs.map(({ job }) => [job, plan.effects.get(job) ?? 'void']),
    );
    const changes = [...plan.effects.values()].includes('applied');
    if (changes && writeLagMs > 0) await sleep(writeLagMs);
    return { outcomes, states: plan.states };
  });

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
      return await apply(orm, jobs, writeLagMs, tries === 1);
    } catch (error) {
      const again = error instanceof Overtaken || isDuplicate(error);
      if (!again || tries === MAX_TRIES) throw error;
    }
  }
};
