/** The metrics of every process: what it takes, how late its event loop is, and which servers it reaches. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Observer } from '../process/observer.ts';
import type { Instruments } from './instruments.ts';

/** How often Node looks whether its event loop is late, in milliseconds, which it counts in. Each time costs a wake-up. */
const RESOLUTION_MS = 100;
const NANOSECONDS = 1e9;

/** What a process takes. Workers of one primary count as one process. */
export const watchProcess = ({ reading }: Instruments): void => {
  const startedAt = Date.now() / 1_000 - process.uptime();
  reading(
    'counter',
    { name: 'process_cpu_seconds_total', help: 'CPU time that the process has used, of user and system.' },
    () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  );
  reading(
    'gauge',
    { name: 'process_resident_memory_bytes', help: 'Memory that the process has in RAM.' },
    () => process.memoryUsage.rss(),
  );
  reading(
    'gauge',
    { name: 'process_start_time_seconds', help: 'When the process began, since 1970.', merging: 'min' },
    () => startedAt,
  );
  reading(
    'counter',
    { name: 'orders_event_loop_busy_seconds_total', help: 'Time for which the event loop was not idle.' },
    () => performance.eventLoopUtilization().active / 1e3,
  );
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  reading(
    'gauge',
    {
      name: 'orders_event_loop_delay_seconds',
      help: 'How late the event loop was since the last scrape: its median, its 99th percentile, the worst.',
      labels: ['stat'],
      merging: 'max',
    },
    () => {
      const stats = { median: delay.percentile(50), p99: delay.percentile(99), max: delay.max };
      delay.reset();
      return Object.entries(stats).map(([stat, nanoseconds]) => [
        Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1e3),
        stat,
      ]);
    },
  );
};

/** How a server of the observer is called in a label: `RabbitMQ for consuming` is `rabbitmq_consuming`. */
const labelOf = (server: string): string => server.toLowerCase().replace(/ for |[^a-z]+/g, '_');

/** Which servers are reached. @returns what listens */
export const watchBackends = ({ reading }: Instruments): Partial<Observer> => {
  const up = new Map<string, boolean>();
  const refusing = new Map([
    ['mysql', false],
    ['rabbitmq', false],
  ]);
  const samples = (states: Map<string, boolean>, one: boolean): [number, string][] =>
    [...states].map(([backend, state]) => [state === one ? 1 : 0, backend]);
  reading(
    'gauge',
    {
      name: 'orders_backend_up',
      help: '1 while the process, or each of its workers, reaches the server, 0 while it does not.',
      labels: ['backend'],
      merging: 'min',
    },
    () => samples(up, true),
  );
  reading(
    'gauge',
    {
      name: 'orders_backend_takes_writes',
      help: '0 while the server is reached and takes no writes: MySQL is read-only, RabbitMQ short of memory or disk.',
      labels: ['backend'],
      merging: 'min',
    },
    () => samples(refusing, false),
  );
  const lost = ({ server }: { server: string }) => void up.set(labelOf(server), false);
  return {
    serverReached: ({ server }) => void up.set(labelOf(server), true),
    serverLost: lost,
    serverSilent: lost,
    serverRefuses: lost,
    databaseRefusesWrites: () => void refusing.set('mysql', true),
    databaseTakesWrites: () => void refusing.set('mysql', false),
    publishingBlocked: () => void refusing.set('rabbitmq', true),
    publishingUnblocked: () => void refusing.set('rabbitmq', false),
  };
};

/** How a process has used its connections to MySQL. */
export interface Connections {
  busy: number;
  idle: number;
  /** How many callers wait for one. */
  waiting: number;
}

/** The pool of connections to MySQL. @param read undefined while there is no pool */
export const watchConnections = ({ reading }: Instruments, read: () => Connections | undefined): void =>
  reading(
    'gauge',
    {
      name: 'orders_database_connections',
      help: 'Connections to MySQL that are busy and idle, and callers who wait for one.',
      labels: ['state'],
    },
    () => Object.entries(read() ?? {}).map(([state, value]) => [value, state]),
  );
