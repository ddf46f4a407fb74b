/** Applies a batch of jobs in one transaction, with as many round trips for a large batch as for a small one. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Orm } from '../db/client.ts';
import { isDuplicate } from '../db/errors.ts';
import { type Before, changeOrders, readBefore } from '../db/orders.ts';
import { forgetReset } from '../db/resets.ts';
import type { WriteJob } from '../domain/jobs.ts';
import { type AcceptedJob, planBatch, type State } from '../domain/plan.ts';
import type { Clock } from '../domain/versions.ts';
import type { Applied, Verdict } from '../jobs/applied.ts';
import { toldOfBatch } from '../jobs/events.ts';
import type { Observer } from '../process/observer.ts';
import { inSharedTime, isVoid, latestOf, notBefore, problemOf } from './times.ts';

/** How often a batch is tried. Another transaction may be faster once or twice; so often in a row was never seen. */
const MAX_TRIES = 20;

/** The plan has turned out wrong: an order was not as expected, or another transaction was faster. */
class Overtaken extends Error {}

const idsOf = (jobs: AcceptedJob[]) => new Set(jobs.map(({ job }) => job.payload.order_id));

export interface Applying {
  orm: Orm;
  observer: Observer;
  /** Kept to MySQL's clock. */
  clock: Clock;
  /** How long the simulated slow database waits before it commits changes, in milliseconds. */
  writeLagMs: number;
  /** Whether the journal is kept. */
  isTold: boolean;
}

/** Reports versions ahead of any clock, which the jobs overwrite, and takes back a reset that is as far ahead. */
const correct = async ({ ahead }: Before, { orm, observer }: Applying): Promise<void> => {
  if (ahead.orders.length > 0) observer.versionsAhead({ orderIds: ahead.orders });
  if (!ahead.lastReset) return;
  observer.resetAhead({});
  await forgetReset(orm);
};

/**
 * Applies jobs once. It takes three round trips and a COMMIT, however many jobs there are.
 * @param trusting whether to assume, without looking, that orders which the jobs create are new. If one is not, the
 *   insert shows it.
 */
const apply = async (applying: Applying, jobs: AcceptedJob[], trusting: boolean): Promise<Applied> => {
  const { orm, clock, writeLagMs, isTold } = applying;
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
    for (const [job, effect] of plan.effects) verdicts.set(job, effect);
    const lagMs = [...plan.effects.values()].includes('applied') ? writeLagMs : 0;
    // About when it commits.
    const at = Math.floor(clock.now() / 1_000 + lagMs);
    const told = isTold ? toldOfBatch(jobs, verdicts, at) : [];
    const deletedBefore = await changeOrders(tx, plan, before, told);
    // An order that was deleted before must not come back.
    if (deletedBefore.length > 0) throw new Overtaken();
    if (lagMs > 0) await sleep(lagMs);
    return { before, applied: { verdicts, problems, told, states: plan.states } };
  });
  await correct(before, applying);
  return applied;
};

/**
 * Applies jobs and commits.
 * @param jobs in the order of their delivery
 * @returns what became of each job
 * @throws the database's error. Then nothing has changed, or nobody can know because the connection was lost during the
 *   COMMIT. Either way it is right to apply the jobs once more.
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
