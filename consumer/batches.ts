/**
 * Decides which jobs are handled together, and when. Jobs wait here in the order of their delivery until a batch takes
 * them:
 *   - A batch begins as soon as there are enough jobs for a full one. One that is not full begins so long after the
 *     batch before it that a transaction has many jobs also where they come one by one, as it costs about the same for
 *     one job as for ten. So a job that comes after a while begins at once. A job whose client waits for its end does
 *     so in any case.
 *   - At most `concurrency` batches are in flight, and never two with jobs of the same order. A batch that rests until
 *     it is tried again does not count, so others can pass it.
 *   - Jobs that the broker has delivered before may have ended the process that took them. They are handled while
 *     nothing else is in flight.
 */
import type { Entry } from '../jobs/applied.ts';

/** Waits for a pause, and lets other batches be handled meanwhile. It resolves or rejects as the pause does. */
export type Rest = (pause: Promise<void>) => Promise<void>;
type Handle = (batch: Entry[], rest: Rest) => Promise<void>;

export interface Batching {
  /** The most jobs in a batch. */
  size: number;
  /** How long after the beginning of a batch another one begins that is not full, in milliseconds. */
  lingerMs: number;
  /** The most batches in flight. */
  concurrency: number;
  /** Handles a batch. */
  run: Handle;
  /** Handles a batch of jobs that were delivered before. */
  runSuspects: Handle;
}

const orderOf = ({ job }: Entry) => job.payload.order_id;
const isSuspect = ({ delivery }: Entry) => delivery.redelivered;

/** Makes batches of the jobs that it is given. */
export const createBatches = ({ size, lingerMs, concurrency, run, runSuspects }: Batching) => {
  let waiting: Entry[] = [];
  const inFlight = new Set<Promise<void>>();
  const ordersInFlight = new Set<string>();
  let lingering: NodeJS.Timeout | undefined;
  /** When the last batch began. */
  let begunAt = Number.NEGATIVE_INFINITY;
  /** Whether somebody waits for a job that came since. */
  let isUrgent = false;
  /** How many batches in flight do not rest, and how many of these are of suspects. */
  let active = 0;
  let activeSuspects = 0;
  let stopped = false;

  /** Takes the jobs of the next batch. Leaves jobs of orders in flight, and drops deliveries of a closed channel. */
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

  const launch = (batch: Entry[], handle: Handle, ofSuspects: number) => {
    begunAt = performance.now();
    isUrgent = false;
    const orders = new Set(batch.map(orderOf));
    for (const order of orders) ordersInFlight.add(order);
    const count = (change: 1 | -1) => {
      active += change;
      activeSuspects += change * ofSuspects;
    };
    const rest: Rest = async (pause) => {
      count(-1);
      next();
      try {
        await pause;
      } finally {
        count(1);
      }
    };
    count(1);
    const handled = handle(batch, rest).finally(() => {
      for (const order of orders) ordersInFlight.delete(order);
      inFlight.delete(handled);
      count(-1);
      next();
    });
    inFlight.add(handled);
  };

  const launchNext = () => {
    lingering = undefined;
    if (stopped || activeSuspects > 0 || active >= concurrency) return;
    if (waiting.some(isSuspect)) {
      if (active > 0) return;
      const suspects = take(isSuspect);
      // All suspects belong to a closed channel: go on with the others without waiting for the next job.
      if (suspects.length === 0) return next();
      return launch(suspects, runSuspects, 1);
    }
    const batch = take(() => true);
    if (batch.length === 0) return;
    launch(batch, run, 0);
    next();
  };

  const next = () => {
    if (stopped || waiting.length === 0 || active >= concurrency) return;
    if (waiting.length >= size || isUrgent) {
      clearTimeout(lingering);
      launchNext();
    } else lingering ??= setTimeout(launchNext, Math.max(0, begunAt + lingerMs - performance.now()));
  };

  return {
    /** Takes a job that was delivered. */
    add: (entry: Entry): void => {
      waiting.push(entry);
      if (entry.delivery.isAwaited) isUrgent = true;
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
