/**
 * What happens in a process, by name. The code to which something happens tells an observer, once. The log
 * (log-events.ts), and whatever counts or traces, listens there.
 */
import type { JobNames, JobType } from '../domain/jobs.ts';
import type { Carrier } from './tracing.ts';

export interface JobNamed extends JobNames {
  /** The id of the HTTP request that the job comes from. */
  requestId?: string | undefined;
  /** Of a delivery: when it came, which try it is, and where its trace goes on if its message says so. */
  delivered?: { at: Date; attempt: number; carrier: Carrier | undefined };
}

/** A transaction that has committed. It tells by itself which jobs were applied together. */
export interface Transaction {
  /** When it began, as performance.now(). */
  began: number;
  /** How long it took, in milliseconds. */
  ms: number;
}

/** A job that a transaction is done with. */
export interface DoneTold extends JobNamed {
  outcome: 'applied' | 'unchanged' | 'superseded';
  transaction: Transaction;
  /** That of the job, in microseconds since 1970; undefined for a job of another publisher. */
  version: number | undefined;
}

/** What became of any other job. jobs/outcomes.ts says what each outcome means; jobs/ alone tells them. */
export type OutcomeTold = JobNamed &
  (
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
  /** A server answers, for the first time or again. `at` is said where it has several hosts. */
  serverReached: { server: string; again: boolean; at?: string | undefined };
  /** A server does not answer. `before` is what was known of it: 'lost' means that only the reason is new. */
  serverLost: { server: string; before: 'unknown' | 'reached' | 'lost'; reason: string };
  /** A server is there but does not answer in time, or refuses; or one command to it failed. */
  serverSilent: { server: string };
  serverRefuses: { server: string; reason: string };
  /** A server that was taken for a single one turned out to be a cluster, and is used as one from now on. */
  clusterFound: { server: string };
  commandFailed: { server: string; reason: string };

  /** RabbitMQ reads nothing from publishers, as it is short of memory or disk; and it reads again. */
  publishingBlocked: { reason: string | undefined };
  publishingUnblocked: Record<string, never>;
  channelFailed: { reason: string };
  /** More jobs wait than MAX_BACKLOG; and later no longer so many. */
  backlogFull: { waiting: number };
  backlogShrunk: { waiting: number };
  queueDeclared: { queue: string };
  queueNotDeclared: { queue: string; reason: string };
  /** A queue exists with other arguments, or may not be declared by our account, and is used as it is. */
  queueDiffers: { queue: string; why: 'arguments' | 'permissions'; reason: string };
  /** A consumer has subscribed, and gets jobs from now on. */
  consuming: { queue: string; prefetch: number };
  subscriptionFailed: { reason: string };
  subscriptionEnded: { queue: string };
  /** The command that converts the queue asked the consumer to leave it for a moment. */
  madeWay: { queue: string };
  /** A delivery was answered after its channel had closed. */
  answerTooLate: { error: unknown };
  /** A job that failed could not be moved to the queue where it belongs yet. */
  moveDelayed: { queue: string; reason: string; movedFor: string };

  databaseRefusesWrites: { reason: string };
  databaseTakesWrites: Record<string, never>;
  /** The MySQL for reads is not asked, as it is too far behind; and it is asked again. */
  replicaBehind: { reason: string };
  replicaFollows: Record<string, never>;

  /** Redis may evict pending copies; and later keeps them again. */
  memoryUnsafe: { reason: string };
  memorySafe: Record<string, never>;

  clocksDiffer: { wrong: 'redis' | 'own'; aheadSeconds: number };
  clocksAgree: { aheadSeconds: number };
  versionsAhead: { orderIds: string[] };
  resetAhead: Record<string, never>;

  /** The broker has confirmed a write. `confirmMs` is how long that took after publishing, in milliseconds. */
  writeAccepted: { jobType: JobType; confirmMs: number };
  /** Writes of a request were not confirmed, all for the same reason. */
  writeRefused: { requestId: string; outcome: string; reason: string; writes: number };
  /** A request got its answer after `ms` milliseconds. `route` is as in `/orders/:id`, undefined if there is none. */
  requestAnswered: { method: string; route: string | undefined; status: number; ms: number };
  /** The answer was an error. `code` is its word (api/http/error-codes.ts). */
  requestRefused: { code: string };
  /** A cache was asked: `hit` says whether it had an answer. */
  cacheAsked: { cache: 'pending' | 'order' | 'list'; hit: boolean };

  batchBegun: { jobs: number };
  /** `verdicts`: how many jobs came to which. `carriers` says where the traces of its jobs go on. */
  batchCommitted: {
    jobs: number;
    ms: number;
    verdicts: Record<string, number>;
    transaction: Transaction;
    carriers: () => (Carrier | undefined)[];
  };
  /** A batch failed and is tried in halves, to find the job that fails. */
  batchSplit: { jobs: number; reason: string };
  /** Jobs wait for MySQL. This is told at most once a minute. */
  batchWaits: { reason: string; jobs: number | undefined; tries: number };
  outcome: OutcomeTold;
  /** A batch is done with these jobs, which are nearly all: named only for those who ask. */
  jobsDone: { jobs: () => DoneTold[] };
  /** How many jobs of a batch were accepted before the last reset. */
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

  /** Nothing can listen on METRICS_PORT of METRICS_HOST; it is tried again every second. */
  endpointFails: { host: string; port: number; reason: string };
  /** Spans are lost, as OTEL_EXPORTER_OTLP_ENDPOINT does not take them. It is told once until some are taken again. */
  tracesLost: { reason: string };
  /** A password that comes from a file or a command has changed, or is known again; or it cannot be had. */
  passwordRenewed: { setting: string };
  passwordNotRenewed: { setting: string; reason: string };
  settingIgnored: { name: string };
  listening: { url: string };
  /** A process that another one keeps running has ended by itself, and is started again after `delayMs`. */
  workerDied: Death;
  supervisedDied: Death & { name: 'consumer' | 'hub'; error?: unknown };

  /** This hub is the one that passes on the journal; or it has lost its connection, and another may lead. */
  hubLeads: Record<string, never>;
  hubInterrupted: { reason: string };
  eventsPublished: { events: number };
  /** RabbitMQ takes no events for other services, which wait; and it takes them again. */
  eventsDelayed: { reason: string };
  /** An event is larger than RabbitMQ takes: it is published without its order, or not at all if that does not help. */
  eventCutShort: { id: string; reason: string };
  eventsPassAgain: Record<string, never>;
  /** Entries of the journal are older than HISTORY_DAYS, and were removed before they could be published. */
  eventsGivenUp: { entries: number };
  jobsPruned: { jobs: number };
}

export type Observer = { [Name in keyof Events]: (event: Events[Name]) => void };

/** Makes one observer of several: all of them are told, and an event to which one does not listen costs nothing. */
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
