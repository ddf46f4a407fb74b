/**
 * Which jobs are handled together, and when. Jobs wait here in the order of their delivery until a batch takes
 * them:
 *   as soon as there are enough for a whole one, or a short linger after the first one came;
 *   at most `concurrency` batches are in flight, and never two that have jobs of the same order;
 *   jobs that the broker has delivered before may have ended the process that took them: they are handled while
 *   nothing else is.
 */
import type { WriteJob } from '../order.ts';
import type { Delivery } from '../queue/deliveries.ts';

export interface Entry {
  job: WriteJob;
  delivery: Delivery;
}

export interface Batching {
  /** Jobs of a batch at the most. */
  size: number;
  /** How long the first job of a batch waits for others, in milliseconds. */
  lingerMs: number;
  /** Batches in flight at the most. */
  concurrency: number;
  /** Handle a batch, and one of jobs that were delivered before. */
  run: (batch: Entry[]) => Promise<void>;
  runSuspects: (batch: Entry[]) => Promise<void>;
}

const orderOf = ({ job }: Entry) => job.payload.order_id;
const isSuspect = ({ delivery }: Entry) => delivery.redelivered;

/** Forms batches of the jobs it is given. */
export const createBatches = ({ size, lingerMs, concurrency, run, runSuspects }: Batching) => {
  let waiting: Entry[] = [];
  const inFlight = new Set<Promise<void>>();
  const ordersInFlight = new Set<string>();
  let lingering: NodeJS.Timeout | undefined;
  let suspectsInFlight = false;
  let stopped = false;

  /** Takes the jobs of the next batch; those of orders that are in flight, and what no longer is ours, stay out. */
  const take = (belongs: (entry: Entry) => boolean): Entry[] => {
    const batch: Entry[] = [];
    waiting = waiting.filter((entry) => {
      if (entry.delivery.isLost()) return false;
      if (batch.length === size || !belongs(entry) || ordersInFlight.has(orderOf(entry))) return true;
      batch.push(entry);
      return false;
    });
    return batch;
  };

  const launch = (batch: Entry[], handle: (batch: Entry[]) => Promise<void>) => {
    const orders = new Set(batch.map(orderOf));
    for (const order of orders) ordersInFlight.add(order);
    const handled = handle(batch).finally(() => {
      for (const order of orders) ordersInFlight.delete(order);
      inFlight.delete(handled);
      suspectsInFlight = false;
      next();
    });
    inFlight.add(handled);
  };

  const launchNext = () => {
    lingering = undefined;
    if (stopped || suspectsInFlight || inFlight.size >= concurrency) return;
    if (waiting.some(isSuspect)) {
      if (inFlight.size > 0) return;
      const suspects = take(isSuspect);
      // None is ours any more: the others must not wait for the next job to come.
      if (suspects.length === 0) return next();
      suspectsInFlight = true;
      return launch(suspects, runSuspects);
    }
    const batch = take(() => true);
    if (batch.length === 0) return;
    launch(batch, run);
    next();
  };

  const next = () => {
    if (stopped || waiting.length === 0 || inFlight.size >= concurrency) return;
    if (waiting.length >= size) {
      clearTimeout(lingering);
      launchNext();
    } else lingering ??= setTimeout(launchNext, lingerMs);
  };

  return {
    add: (entry: Entry): void => {
      waiting.push(entry);
      next();
    },

    /** Begins no further batch, and resolves when those in flight are handled. */
    stop: async (): Promise<void> => {
      stopped = true;
      clearTimeout(lingering);
      await Promise.all(inFlight);
    },
  };
};
