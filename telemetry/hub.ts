/** The metrics of a hub, which also looks at the queues for all others. */
import type { Observer } from '../process/observer.ts';
import { watchBackends, watchProcess } from './common.ts';
import type { Instruments } from './instruments.ts';

export interface HubReadings {
  /** What waits in the queues; undefined while that is not known. */
  backlog: () =>
    | {
        ready: number;
        delayed: number;
        dead: number;
        consumers: number;
        /** When the first job of the queue was accepted, in milliseconds since 1970, if it is known here. */
        acceptedAt: number | undefined;
      }
    | undefined;
  /** For how long the oldest entry of the journal waits, in milliseconds; undefined while this hub does not lead. */
  lag: () => { historyMs: number; eventsMs: number } | undefined;
}

/** @param readings undefined as long as there is nothing to read @returns what listens */
export const watchHub = (
  instruments: Instruments,
  readings: () => HubReadings | undefined,
): Partial<Observer>[] => {
  const { counter, reading } = instruments;
  watchProcess(instruments);
  const backends = watchBackends(instruments);
  const backlog = () => readings()?.backlog();
  reading(
    'gauge',
    {
      name: 'orders_queue_jobs',
      help: 'Jobs in the queues: ready to be taken, delayed until their next try, dead letters. Of several hubs each counts all of them.',
      labels: ['state'],
    },
    () => {
      const seen = backlog();
      if (!seen) return [];
      const { ready, delayed, dead } = seen;
      return Object.entries({ ready, delayed, dead }).map(([state, value]) => [value, state]);
    },
  );
  reading(
    'gauge',
    { name: 'orders_queue_consumers', help: 'Consumers that take jobs from the queue.' },
    () => backlog()?.consumers,
  );
  reading(
    'gauge',
    {
      name: 'orders_oldest_job_age_seconds',
      help: 'How long ago the job was accepted that waits for longest, so far as this process knows: the greatest of all processes counts.',
    },
    () => {
      const seen = backlog();
      if (seen?.ready === 0) return 0;
      return seen?.acceptedAt === undefined ? undefined : Math.max(0, Date.now() - seen.acceptedAt) / 1e3;
    },
  );
  let leads = false;
  reading(
    'gauge',
    { name: 'orders_hub_leading', help: '1 if this hub passes on the journal, 0 if it waits to take over.' },
    () => Number(leads),
  );
  reading(
    'gauge',
    {
      name: 'orders_history_lag_seconds',
      help: 'For how long the oldest entry of the journal waits that the table of jobs does not have.',
    },
    () => {
      const lag = readings()?.lag();
      return lag && lag.historyMs / 1e3;
    },
  );
  reading(
    'gauge',
    {
      name: 'orders_events_lag_seconds',
      help: 'For how long the oldest entry of the journal waits that is not published for other services.',
    },
    () => {
      const lag = readings()?.lag();
      return lag && lag.eventsMs / 1e3;
    },
  );
  const published = counter({
    name: 'orders_events_published_total',
    help: 'Events published for other services.',
  });
  const givenUp = counter({
    name: 'orders_journal_entries_given_up_total',
    help: 'Entries of the journal that could not be published within HISTORY_DAYS.',
  });
  return [
    backends,
    {
      hubLeads: () => {
        leads = true;
      },
      hubInterrupted: () => {
        leads = false;
      },
      eventsPublished: ({ events }) => published(events),
      eventsGivenUp: ({ entries }) => givenUp(entries),
    },
  ];
};
