/** The metrics of an API worker. */
import { jobTypes } from '../domain/jobs.ts';
import type { Observer } from '../process/observer.ts';
import { type Connections, watchBackends, watchConnections, watchProcess } from './common.ts';
import type { Instruments } from './instruments.ts';

const REQUEST_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const CONFIRM_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5];

export interface ApiReadings {
  connections: () => Connections;
  /** Whether writes are refused at once, as RabbitMQ is away, takes no messages or is silent. */
  refusesWrites: () => boolean;
}

/** @param readings undefined as long as there is nothing to read @returns what listens */
export const watchApi = (
  instruments: Instruments,
  readings: () => ApiReadings | undefined,
): Partial<Observer>[] => {
  const { counter, histogram, reading } = instruments;
  watchProcess(instruments);
  const backends = watchBackends(instruments);
  watchConnections(instruments, () => readings()?.connections());
  const answered = histogram(
    {
      name: 'orders_http_request_duration_seconds',
      help: 'How long requests took until their answer was sent. Event streams are not among them.',
      labels: ['method', 'route', 'status'],
    },
    REQUEST_SECONDS,
  );
  const refused = counter({
    name: 'orders_requests_refused_total',
    help: 'Requests that got an error, by its code (docs/ERRORS.md).',
    labels: ['code'],
    known: [['invalid_input'], ['internal_error']],
  });
  const accepted = counter({
    name: 'orders_writes_accepted_total',
    help: 'Writes that the broker has confirmed.',
    labels: ['type'],
    known: jobTypes.map((type) => [type]),
  });
  const unaccepted = counter({
    name: 'orders_writes_refused_total',
    help: 'Writes that were not confirmed: refused, overfull (MAX_BACKLOG), impossible (too large), unknown (no answer in time).',
    labels: ['reason'],
    known: [['refused'], ['overfull'], ['impossible'], ['unknown']],
  });
  const confirmed = histogram(
    { name: 'orders_publish_confirm_seconds', help: 'How long the broker took to confirm a write.' },
    CONFIRM_SECONDS,
  );
  const asked = counter({
    name: 'orders_cache_requests_total',
    help: 'Questions to a cache, and whether it had an answer.',
    labels: ['cache', 'result'],
  });
  let redisOut: boolean | undefined;
  const out = ({ server }: { server: string }) => {
    if (server === 'Redis') redisOut = true;
  };
  reading(
    'gauge',
    {
      name: 'orders_breaker_open',
      help: '1 while nobody waits for the server, as it does not answer: reads go on without Redis, writes are refused at once without RabbitMQ.',
      labels: ['backend'],
      merging: 'max',
    },
    () => {
      const refuses = readings()?.refusesWrites();
      return [
        ...(redisOut === undefined ? [] : [[Number(redisOut), 'redis'] satisfies [number, string]]),
        ...(refuses === undefined ? [] : [[Number(refuses), 'rabbitmq'] satisfies [number, string]]),
      ];
    },
  );
  return [
    backends,
    {
      requestAnswered: ({ method, route, status, ms }) =>
        answered(ms / 1e3, method, route ?? 'none', `${status}`),
      requestRefused: ({ code }) => refused(1, code),
      writeAccepted: ({ jobType, confirmMs }) => {
        accepted(1, jobType);
        confirmed(confirmMs / 1e3);
      },
      writeRefused: ({ outcome, writes }) => unaccepted(writes, outcome),
      cacheAsked: ({ cache, hit }) => asked(1, cache, hit ? 'hit' : 'miss'),
      serverReached: ({ server }) => {
        if (server === 'Redis') redisOut = false;
      },
      serverLost: out,
      serverSilent: out,
      serverRefuses: out,
    },
  ];
};

export interface PrimaryReadings {
  /** How many workers answered the last question and how many did not. */
  workers: () => { answering: number; silent: number };
}

/** What the primary process of the API knows itself. @returns what listens */
export const watchPrimary = (instruments: Instruments, { workers }: PrimaryReadings): Partial<Observer>[] => {
  watchProcess(instruments);
  const died = instruments.counter({
    name: 'orders_api_worker_deaths_total',
    help: 'API workers that have died and were replaced.',
  });
  instruments.reading(
    'gauge',
    {
      name: 'orders_api_workers',
      help: 'API workers that have answered this scrape, and those that have not: of these it has what they said last.',
      labels: ['state'],
    },
    () => Object.entries(workers()).map(([state, value]) => [value, state]),
  );
  return [{ workerDied: () => died(1) }];
};
