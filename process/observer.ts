/**
 * What happens in a process, by name. Whoever it happens to tells an observer, once; whoever shows it listens there:
 * the log (log-events.ts), and what counts or traces.
 */
import type { JobNames, JobType } from '../domain/jobs.ts';

export interface JobNamed extends JobNames {
  /** Of the HTTP request that the job came with. */
  requestId?: string | undefined;
}

/** What became of a job. jobs/outcomes.ts says what each of them means, and tells all of them. */
export type OutcomeTold = JobNamed &
  (
    | { outcome: 'applied' | 'unchanged' | 'superseded'; ms: number }
    | { outcome: 'void'; by: 'consumer' | 'reset' }
    | { outcome: 'retried'; reason: string; error: string; attempt: number; delayMs: number }
    | { outcome: 'dead'; reason: string; error: string; attempt: number }
    | { outcome: 'returned'; reason: string; error: string }
    | { outcome: 'replayed' | 'discarded' }
  );

interface Death {
  pid: number | undefined;
  code?: number | null;
  signal?: string | null;
  delayMs: number;
}

export interface Events {
  /** A server answers, for the first time or again. */
  serverReached: { server: string; again: boolean };
  /** A server does not answer. `before` is what was known of it; 'lost' where there is only a new reason. */
  serverLost: { server: string; before: 'unknown' | 'reached' | 'lost'; reason: string };
  /** A server is there and does not do what it is asked for. */
  serverSilent: { server: string };
  serverRefuses: { server: string; reason: string };
  commandFailed: { server: string; reason: string };

  /** RabbitMQ reads nothing from those who publish, as its memory or its disk is short. */
  publishingBlocked: { reason: string | undefined };
  publishingUnblocked: Record<string, never>;
  channelFailed: { reason: string };
  /** More jobs wait than MAX_BACKLOG, and not any more. */
  backlogFull: { waiting: number };
  backlogShrunk: { waiting: number };
  queueDeclared: { queue: string };
  queueNotDeclared: { queue: string; reason: string };
  /** A queue is used as it is. */
  queueDiffers: { queue: string; why: 'arguments' | 'permissions' };
  /** A consumer has subscribed, and gets jobs from now on. */
  consuming: { queue: string; prefetch: number };
  subscriptionFailed: { reason: string };
  subscriptionEnded: { queue: string };
  /** A delivery was answered when its channel had closed. */
  answerTooLate: { error: unknown };
  /** A job that failed could not be put on the queue where it belongs. */
  moveDelayed: { queue: string; reason: string; movedFor: string };

  databaseRefusesWrites: { reason: string };
  databaseTakesWrites: Record<string, never>;

  /** Redis may throw away what is pending, and not any more. */
  memoryUnsafe: { reason: string };
  memorySafe: Record<string, never>;

  clocksDiffer: { wrong: 'redis' | 'own'; aheadSeconds: number };
  clocksAgree: { aheadSeconds: number };
  versionsAhead: { orderIds: string[] };
  resetAhead: Record<string, never>;

  /** A write was confirmed by the broker. `confirmMs` is what it took from publishing on. */
  writeAccepted: { jobType: JobType; confirmMs: number };
  writeRefused: { requestId: string; outcome: string; reason: string };
  /** One answer from a cache, or a miss. */
  cacheAsked: { cache: 'pending' | 'order' | 'list'; hit: boolean };

  batchBegun: { jobs: number };
  batchCommitted: { jobs: number; ms: number };
  /** Some of its jobs are tried without the others, to find the one that fails. */
  batchSplit: { jobs: number; reason: string };
  /** Jobs wait for MySQL; told once a minute at the most. */
  batchWaits: { reason: string; jobs: number | undefined; tries: number };
  outcome: OutcomeTold;
  /** So many jobs of one batch were accepted before the last reset. */
  jobsVoid: { jobs: number };

  resetRemoves: { orders: number };
  resetWaits: Record<string, never>;
  resetCompleted: { orders: number; jobs: number };
  resetNotLookedAfter: { reason: string };
  resetAsked: { requestId: string };
  resetIncomplete: { requestId: string; reason: string };
  seeding: { made: number; count: number };
  seedFailed: { requestId: string; reason: string; made: number; count: number };

  deadLettersUnreached: { requestId: string; reason: string };
  databaseUnread: { requestId: string; reason: string };
  requestFailed: { requestId: string; reason: string; error: unknown };
  accessLogFails: { sentence: string };

  /** Other programs have inserted or deleted so many orders: more, or fewer, than were counted. */
  countCorrected: { difference: number };

  settingIgnored: { name: string };
  listening: { url: string };
  /** A process that another one keeps has ended without being asked to, and is started again after so long. */
  workerDied: Death;
  consumerDied: Death & { error?: unknown };
}

export type Observer = { [Name in keyof Events]: (event: Events[Name]) => void };

/** Tells everything to several: what each of them does not ask for costs nothing. */
export const observers = (first: Observer, ...others: Partial<Observer>[]): Observer => {
  const all = { ...first };
  const join = <Name extends keyof Events>(name: Name) => {
    const listeners = others.flatMap((other) => other[name] ?? []);
    if (listeners.length === 0) return;
    const own: (event: Events[Name]) => void = first[name];
    const tell: (event: Events[Name]) => void = (event) => {
      own(event);
      for (const listener of listeners) listener(event);
    };
    Object.assign(all, { [name]: tell });
  };
  for (const name of Object.keys(first)) join(name as keyof Events);
  return all;
};
