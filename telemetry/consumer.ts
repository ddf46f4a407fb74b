/** The metrics of a consumer. */
import { jobTypes } from '../domain/jobs.ts';
import type { Observer } from '../process/observer.ts';
import { type Connections, watchBackends, watchConnections, watchProcess } from './common.ts';
import type { Instruments } from './instruments.ts';

const LATENCY_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200];
const TRANSACTION_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_JOBS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 10_000];

export interface ConsumerReadings {
  connections: () => Connections;
  /** How many jobs it has and has not answered, and when the oldest of them was accepted, in milliseconds since 1970. */
  inHand: () => { jobs: number; acceptedAt: number | undefined };
  /** The shared clock, in milliseconds since 1970. */
  now: () => number;
}

/** @param readings undefined as long as there is nothing to read @returns what listens */
export const watchConsumer = (
  instruments: Instruments,
  readings: () => ConsumerReadings | undefined,
): Partial<Observer>[] => {
  const { counter, histogram, reading } = instruments;
  watchProcess(instruments);
  const backends = watchBackends(instruments);
  watchConnections(instruments, () => readings()?.connections());
  const outcomes = counter({
    name: 'orders_job_outcomes_total',
    help: 'What became of deliveries.',
    labels: ['type', 'outcome'],
    known: jobTypes.map((type) => [type, 'applied']),
  });
  const failures = counter({
    name: 'orders_job_failures_total',
    help: 'Deliveries whose job was not done, by what became of it (retried, dead, returned), and why.',
    labels: ['outcome', 'reason'],
    known: [
      ['dead', 'order_not_found'],
      ['dead', 'invalid_message'],
    ],
  });
  const latency = histogram(
    {
      name: 'orders_job_latency_seconds',
      help: 'From the acceptance of a write until it is applied. Jobs without a version, of other publishers, are not among them.',
    },
    LATENCY_SECONDS,
  );
  const committed = histogram(
    { name: 'orders_transaction_seconds', help: 'How long the transaction of a batch took.' },
    TRANSACTION_SECONDS,
  );
  const batches = histogram(
    { name: 'orders_batch_jobs', help: 'How many jobs a transaction has applied.' },
    BATCH_JOBS,
  );
  const split = counter({
    name: 'orders_batch_splits_total',
    help: 'Batches that failed and were tried in halves, to find the job that fails.',
  });
  const inHand = () => readings()?.inHand();
  reading(
    'gauge',
    {
      name: 'orders_unacknowledged_jobs',
      help: 'Jobs that the broker has handed to this consumer and that are not done yet.',
    },
    () => inHand()?.jobs,
  );
  reading(
    'gauge',
    {
      name: 'orders_oldest_job_age_seconds',
      help: 'How long ago the job was accepted that waits for longest, so far as this process knows: the greatest of all processes counts.',
    },
    () => {
      const held = inHand();
      if (held === undefined) return undefined;
      if (held.acceptedAt === undefined) return 0;
      return Math.max(0, ((readings()?.now() ?? 0) - held.acceptedAt) / 1e3);
    },
  );
  const nowhere = 'unknown';
  return [
    backends,
    {
      outcome: (event) => {
        const { outcome, jobType = nowhere } = event;
        outcomes(1, jobType, outcome);
        if ('reason' in event) failures(1, outcome, event.reason);
      },
      jobsDone: ({ jobs }) => {
        const now = readings()?.now();
        for (const { outcome, jobType = nowhere, version } of jobs()) {
          outcomes(1, jobType, outcome);
          if (outcome === 'applied' && version !== undefined && now !== undefined)
            latency(Math.max(0, now - version / 1e3) / 1e3);
        }
      },
      batchCommitted: ({ jobs, ms }) => {
        committed(ms / 1e3);
        batches(jobs);
      },
      batchSplit: () => split(1),
    },
  ];
};
