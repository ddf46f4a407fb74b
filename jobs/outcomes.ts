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
import { namesIn } from '../domain/jobs.ts';
import type { JobNamed, Observer, Transaction } from '../process/observer.ts';
import type { Delivery } from '../queue/deliveries.ts';
import type { Applied, Entry, Told } from './applied.ts';
import { type Happened, toldOfJob, toldOfMessage } from './events.ts';
import { settleOrders } from './settle.ts';
import { giveUpJob, giveUpMessage } from './shown.ts';
import type { Story } from './story.ts';

export interface Outcomes {
  /** Takes the jobs of a transaction that has committed. */
  applied(batch: Entry[], applied: Applied, transaction: Transaction): Promise<void>;
  /** Takes a job that failed. Nobody waits until it is moved, as a broker that is short of memory takes no messages. */
  failed(entry: Entry, reason: string, error: string): void;
  /** Takes a message that is not a valid job. `problem` is a sentence for the dead letter. */
  refused(delivery: Delivery, problem: string): void;
  /** Takes a job if each process that took it has died. Resolves with whether it has become a dead letter. */
  crashed(entry: Entry): Promise<boolean>;
}

export interface Answering {
  cache: Cache;
  story: Story;
  observer: Observer;
  /** Tells the broker that the jobs of these deliveries are done. */
  acknowledge: (deliveries: Delivery[]) => void;
  /** Takes work that no batch waits for but that must be over before the process ends. */
  track: (work: Promise<unknown>) => void;
}

const deliveredBy = ({ receivedAt: at, attempts: attempt, carrier }: Delivery) => ({ at, attempt, carrier });
const nameOf = ({ job, delivery }: Entry): JobNamed => ({
  jobId: job.job_id,
  jobType: job.type,
  orderId: job.payload.order_id,
  requestId: delivery.requestId,
  delivered: deliveredBy(delivery),
});

const INVALID = 'invalid_message';

/** A delivery whose job was not done. */
interface Leaving {
  delivery: Delivery;
  named: JobNamed;
  reason: string;
  error: string;
  /** Whether it comes again, unless it has failed too often. */
  again: boolean;
  tell: (happened: Happened) => Told | undefined;
  hide: () => Promise<void>;
}

/** Makes the functions that decide and tell what became of deliveries. */
export const createOutcomes = ({ cache, story, observer, acknowledge, track }: Answering): Outcomes => {
  /** Hides a job that is a dead letter or void: readers see it no more. */
  const giveUp = ({ job }: Entry): Promise<void> => giveUpJob(cache.pending, job);

  /**
   * Moves a delivery of a job that failed, and tells where it went. If it has become a dead letter, readers see it no
   * more. The journal has that before: whoever finds the letter finds its story too, whatever is killed in between.
   * @returns whether it has become a dead letter
   */
  const leave = async ({ delivery, named, reason, error, again, tell, hide }: Leaving): Promise<boolean> => {
    const { attempts } = delivery;
    const dead = tell({ state: 'dead', attempts, reason, error });
    const isLast = !again || delivery.isLast;
    if (isLast) await story.foretold(dead);
    const where = await (again ? delivery.retry(reason, error) : delivery.deadLetter(reason, error));
    observer.outcome({ ...named, reason, error, ...where });
    if (where.outcome === 'retried') {
      const retrying = tell({
        state: 'retrying',
        attempts,
        reason,
        error,
        next_try_at: Date.now() + where.delayMs,
      });
      await story.passing(retrying);
    }
    if (where.outcome !== 'dead') return false;
    await (isLast ? story.passing(dead) : story.happened(dead));
    await hide();
    return true;
  };
  const leaveEntry = (entry: Entry, reason: string, error: string, again: boolean): Promise<boolean> =>
    leave({
      delivery: entry.delivery,
      named: nameOf(entry),
      reason,
      error,
      again,
      tell: (happened) => toldOfJob(entry, happened),
      hide: () => giveUp(entry),
    });

  const failed = (entry: Entry, reason: string, error: string): void =>
    track(leaveEntry(entry, reason, error, true));

  return {
    failed,

    refused: (delivery, error) =>
      track(
        leave({
          delivery,
          named: { requestId: delivery.requestId, delivered: deliveredBy(delivery) },
          reason: INVALID,
          error,
          again: false,
          tell: (happened) => toldOfMessage(namesIn(delivery.body), delivery.requestId, happened),
          hide: () => giveUpMessage(cache.pending, delivery.body),
        }),
      ),

    crashed: (entry) =>
      leaveEntry(entry, 'crashed', 'Each process that took the job ended before it was done.', false),

    applied: async (batch, applied, transaction) => {
      await Promise.all([settleOrders(cache, batch, applied), story.committed(applied.told)]);
      const done: Entry[] = [];
      const voided: Entry[] = [];
      for (const entry of batch) {
        const verdict = applied.verdicts.get(entry.job);
        if (verdict === 'order_not_found')
          failed(entry, verdict, `There is no order ${entry.job.payload.order_id}.`);
        else if (verdict === 'invalid')
          track(leaveEntry(entry, INVALID, applied.problems.get(entry.job) ?? '', false));
        else if (verdict === 'void') voided.push(entry);
        else done.push(entry);
      }
      if (voided.length > 0) {
        observer.jobsVoid({ jobs: voided.length });
        await Promise.all(voided.map(giveUp));
      }
      acknowledge([...done, ...voided].map(({ delivery }) => delivery));
      observer.jobsDone({
        jobs: () =>
          done.flatMap((entry) => {
            const outcome = applied.verdicts.get(entry.job);
            if (outcome !== 'applied' && outcome !== 'unchanged' && outcome !== 'superseded') return [];
            return [{ ...nameOf(entry), outcome, transaction, version: entry.job.version }];
          }),
      });
      for (const entry of voided) observer.outcome({ ...nameOf(entry), outcome: 'void', by: 'consumer' });
    },
  };
};
