/**
 * Decides and tells what became of each delivery. Nothing else does.
 *   applied      MySQL has changed.
 *   unchanged    The job is a repetition: it had been applied before.
 *   superseded   A newer write to the order, or its delete, had been applied before.
 *   void         The write was accepted before the last reset.
 *   retried      The job failed and comes again after a delay.
 *   dead         The job failed too often, or can never be applied: it is a dead letter.
 *   returned     The connection was lost before the job could be moved: the broker delivers it again.
 * Deliveries with the first four outcomes are acknowledged. The outcomes of what operators do with dead letters are in
 * letters.ts.
 */
import type { Cache } from '../cache/cache.ts';
import type { JobNamed, Observer } from '../process/observer.ts';
import type { Delivery } from '../queue/deliveries.ts';
import type { Moved } from '../queue/moves.ts';
import type { Applied, Entry } from './applied.ts';
import { settleOrders } from './settle.ts';
import { giveUpJob, giveUpMessage } from './shown.ts';

export interface Outcomes {
  /** Takes the jobs of a transaction that has committed. `ms` is how long it took, in milliseconds. */
  applied(batch: Entry[], applied: Applied, ms: number): Promise<void>;
  /** Takes a job that failed. Nobody waits until it is moved, as a broker that is short of memory takes no messages. */
  failed(entry: Entry, reason: string, error: string): void;
  /** Takes a message that is not a valid job. `problem` is a sentence for the dead letter. */
  refused(delivery: Delivery, problem: string): void;
  /** Takes a job if each process that took it has died. Resolves with whether it has become a dead letter. */
  crashed(entry: Entry): Promise<boolean>;
}

export interface Answering {
  cache: Cache;
  observer: Observer;
  /** Tells the broker that the jobs of these deliveries are done. */
  acknowledge: (deliveries: Delivery[]) => void;
  /** Takes work that no batch waits for but that must be over before the process ends. */
  track: (work: Promise<unknown>) => void;
}

const nameOf = ({ job, delivery }: Entry): JobNamed => ({
  jobId: job.job_id,
  jobType: job.type,
  orderId: job.payload.order_id,
  requestId: delivery.requestId,
});

/** Makes the functions that decide and tell what became of deliveries. */
export const createOutcomes = ({ cache, observer, acknowledge, track }: Answering): Outcomes => {
  /** Hides a job that is a dead letter or void: readers see it no more. */
  const giveUp = ({ job }: Entry): Promise<void> => giveUpJob(cache.pending, job);

  /**
   * Waits until a delivery is moved, and tells where it went. If it has become a dead letter, readers see it no more.
   * @returns whether it has become a dead letter
   */
  const moved = async (
    moving: Promise<Moved>,
    told: JobNamed & { reason: string; error: string },
    hide: () => Promise<void>,
  ): Promise<boolean> => {
    const where = await moving;
    observer.outcome({ ...told, ...where });
    const isDead = where.outcome === 'dead';
    if (isDead) await hide();
    return isDead;
  };

  const failed = (entry: Entry, reason: string, error: string): void => {
    const told = { ...nameOf(entry), reason, error };
    track(moved(entry.delivery.retry(reason, error), told, () => giveUp(entry)));
  };

  const refused = (delivery: Delivery, named: JobNamed, error: string, hide: () => Promise<void>): void => {
    const reason = 'invalid_message';
    track(moved(delivery.deadLetter(reason, error), { ...named, reason, error }, hide));
  };

  return {
    failed,

    refused: (delivery, problem) =>
      refused(delivery, { requestId: delivery.requestId }, problem, () =>
        giveUpMessage(cache.pending, delivery.body),
      ),

    crashed: (entry) => {
      const [reason, error] = ['crashed', 'Each process that took the job ended before it was done.'];
      const told = { ...nameOf(entry), reason, error };
      return moved(entry.delivery.deadLetter(reason, error), told, () => giveUp(entry));
    },

    applied: async (batch, applied, ms) => {
      await settleOrders(cache, batch, applied);
      const done: Entry[] = [];
      const voided: Entry[] = [];
      for (const entry of batch) {
        const verdict = applied.verdicts.get(entry.job);
        if (verdict === 'order_not_found')
          failed(entry, verdict, `There is no order ${entry.job.payload.order_id}.`);
        else if (verdict === 'invalid')
          refused(entry.delivery, nameOf(entry), applied.problems.get(entry.job) ?? '', () => giveUp(entry));
        else if (verdict === 'void') voided.push(entry);
        else done.push(entry);
      }
      if (voided.length > 0) {
        observer.jobsVoid({ jobs: voided.length });
        await Promise.all(voided.map(giveUp));
      }
      acknowledge([...done, ...voided].map(({ delivery }) => delivery));
      for (const entry of done) {
        const verdict = applied.verdicts.get(entry.job);
        if (verdict === 'applied' || verdict === 'unchanged' || verdict === 'superseded')
          observer.outcome({ ...nameOf(entry), outcome: verdict, ms });
      }
      for (const entry of voided) observer.outcome({ ...nameOf(entry), outcome: 'void', by: 'consumer' });
    },
  };
};
