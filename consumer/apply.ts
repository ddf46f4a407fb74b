/** Applying a batch of jobs: one transaction, whose number of round trips does not grow with the batch. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Orm } from '../db/client.ts';
import { isDuplicate } from '../db/errors.ts';
import { type Before, changeOrders, readBefore } from '../db/orders.ts';
import { forgetReset } from '../db/resets.ts';
import type { WriteJob } from '../domain/jobs.ts';
import { type AcceptedJob, planBatch, type State } from '../domain/plan.ts';
import type { Clock } from '../domain/versions.ts';
import type { Applied, Verdict } from '../jobs/applied.ts';
import type { Observer } from '../process/observer.ts';
import { inSharedTime, isVoid, latestOf, notBefore, problemOf } from './times.ts';

/** Another transaction is faster once or twice; nobody has seen it happen this often in a row. */
const MAX_TRIES = 20;

/** The plan is wrong: an order was not as expected, or another transaction was faster. */
class Overtaken extends Error {}

const idsOf = (jobs: AcceptedJob[]) => new Set(jobs.map(({ job }) => job.payload.order_id));

export interface Applying {
  orm: Orm;
  observer: Observer;
  /** Kept to MySQL's clock. */
  clock: Clock;
  /** How long the simulated slow database takes over changes before it commits. */
  writeLagMs: number;
}

/** Tells of versions ahead of any clock, which the jobs overwrite, and takes back a reset that is ahead of any clock. */
const correct = async ({ ahead }: Before, { orm, observer }: Applying): Promise<void> => {
  if (ahead.orders.length > 0) observer.versionsAhead({ orderIds: ahead.orders });
  if (!ahead.lastReset) return;
  observer.resetAhead({});
  await forgetReset(orm);
};

/**
 * Three round trips and a COMMIT, however many jobs.
 * @param trusting takes orders that the jobs create for new ones, without looking; that they are shows in the insert
 */
const apply = async (applying: Applying, jobs: AcceptedJob[], trusting: boolean): Promise<Applied> => {
  const { orm, clock, writeLagMs } = applying;
  const { before, applied } = await orm.transaction(async (tx) => {
    const created = idsOf(trusting ? jobs.filter(({ job }) => job.type === 'create_order') : []);
    const ids = [...idsOf(jobs)].filter((id) => !created.has(id)).sort();
    const asked = performance.now();
    const before = await readBefore(tx, ids, (now) => {
      clock.keepTo(now, () => performance.now() - asked, true);
      return latestOf(clock);
    });
    const { lastReset, versions, deleted } = before;
    const states = new Map<string, State>(versions);
    for (const id of deleted) states.set(id, 'deleted');

    const verdicts = new Map<WriteJob, Verdict>();
    const problems = new Map<WriteJob, string>();
    const latest = latestOf(clock);
    const good = jobs.map(inSharedTime(clock)).filter((accepted) => {
      const problem = problemOf(accepted, latest);
      if (problem === undefined && !isVoid(accepted, lastReset)) return true;
      if (problem !== undefined) problems.set(accepted.job, problem);
      verdicts.set(accepted.job, problem === undefined ? 'void' : 'invalid');
      return false;
    });
    const plan = planBatch(
      good.map((accepted) => notBefore(accepted, lastReset)),
      states,
    );
    const deletedBefore = await changeOrders(tx, plan, before);
    // An order that was deleted before must not come back.
    if (deletedBefore.length > 0) throw new Overtaken();
    for (const [job, effect] of plan.effects) verdicts.set(job, effect);
    const changes = [...plan.effects.values()].includes('applied');
    if (changes && writeLagMs > 0) await sleep(writeLagMs);
    return { before, applied: { verdicts, problems, states: plan.states } };
  });
  await correct(before, applying);
  return applied;
};

/**
 * Applies jobs and commits.
 * @param jobs in the order of their delivery
 * @throws the database's error; then nothing has changed, or (the connection was lost in the COMMIT) nobody can
 *   know, and applying the jobs once more is right either way
 */
export const applyJobs = async (applying: Applying, jobs: AcceptedJob[]): Promise<Applied> => {
  for (let tries = 1; ; tries++) {
    try {
      return await apply(applying, jobs, tries === 1);
    } catch (error) {
      const again = error instanceof Overtaken || isDuplicate(error);
      if (!again || tries === MAX_TRIES) throw error;
    }
  }
};
