/**
 * Hears what happens to jobs, for those in this process who wait for it. The stream in Redis is read only while
 * somebody listens. While it cannot be read, what MySQL knows by then is heard instead, so late, and without what
 * passes.
 */
import type { Cache } from '../cache/cache.ts';
import type { FeedEntry, Reading } from '../cache/feed.ts';
import { isJobEvent, type JobEvent, listIn } from '../domain/job-events.ts';
import { membersOf } from '../domain/jobs.ts';
import { withDeadline } from '../process/deadline.ts';
import { pollJobs } from './polling.ts';

/** How long the stream is read after the last listener has left: the next one comes soon where there are many. */
const LINGER_MS = 5_000;
const BEGUN_WITHIN_MS = 500;

/** An event, and where in the stream it is: `<entry>.<index in it>`. From MySQL it has no place. */
export interface Heard {
  event: JobEvent;
  place?: string;
}

export interface Listener {
  /** Takes what an entry says that this listener listens for: one event or more. */
  heard(all: Heard[]): void;
  /** What happened lately is not known. */
  gap?(): void;
  /** Tells whether everything is heard at once. */
  live?(isLive: boolean): void;
}

export interface Listening {
  /** Whether everything is heard at once. If not, listeners ask for themselves. */
  isLive(): boolean;
  /** Resolves when what happens from now on is heard, or cannot be. Never rejects. */
  begun(): Promise<void>;
  /** The place of the last entry that was heard. */
  place(): string | undefined;
  /** Each of them returns a function that ends the listening. */
  toJob(jobId: string, listener: Listener): () => void;
  toOrder(orderId: string, listener: Listener): () => void;
  toAll(listener: Listener): () => void;
  close(): void;
}

/** Reads an entry of the stream. @param isWanted says of which job and order events are wanted */
export const readEntry = (
  { id, text }: FeedEntry,
  isWanted: (jobId: unknown, orderId: unknown) => boolean,
): Heard[] =>
  listIn(text).flatMap((event, index) => {
    const { job_id, order_id } = membersOf(event);
    return isWanted(job_id, order_id) && isJobEvent(event) ? [{ event, place: `${id}.${index}` }] : [];
  });

/** The listeners by what they listen to. */
const listenersBy = () => {
  const all = new Map<unknown, Set<Listener>>();
  return {
    all,
    add: (id: string, listener: Listener): (() => void) => {
      const own = all.get(id) ?? new Set();
      all.set(id, own.add(listener));
      return () => {
        own.delete(listener);
        if (own.size === 0) all.delete(id);
      };
    },
  };
};

/**
 * @param isTold whether anything is told at all
 * @param newest asks MySQL for the jobs that changed last
 */
export const openListening = (
  { feed }: Pick<Cache, 'feed'>,
  isTold: boolean,
  newest: () => Promise<JobEvent[]>,
): Listening => {
  const jobs = listenersBy();
  const orders = listenersBy();
  const everything = new Set<Listener>();
  const isHeard = isTold && feed.enabled;
  let reading: Reading | undefined;
  let lingering: NodeJS.Timeout | undefined;
  let listeners = 0;
  let isLive = false;
  let hasBegun = false;

  const tell = (heard: Heard[]): void => {
    if (heard.length === 0) return;
    for (const listener of everything) listener.heard(heard);
    for (const one of heard) {
      for (const listener of jobs.all.get(one.event.job_id) ?? []) listener.heard([one]);
      for (const listener of orders.all.get(one.event.order_id) ?? []) listener.heard([one]);
    }
  };
  const tellEach = (tellOne: (listener: Listener) => void): void => {
    for (const listener of everything) tellOne(listener);
    for (const own of [...jobs.all.values(), ...orders.all.values()])
      for (const listener of own) tellOne(listener);
  };
  const polling = pollJobs(newest, (events) => tell(events.map((event) => ({ event }))));
  /** Those who listen to one job ask for it themselves. */
  const pollIfNeeded = (): void => {
    if (isTold && !isLive && everything.size + orders.all.size > 0) polling.start();
    else polling.stop();
  };

  const open = (): void => {
    clearTimeout(lingering);
    lingering = undefined;
    if (!isHeard || reading !== undefined) return;
    const own = feed.read({
      entry: (entry) => {
        const isAnyWanted = everything.size > 0;
        tell(
          readEntry(entry, (jobId, orderId) => isAnyWanted || jobs.all.has(jobId) || orders.all.has(orderId)),
        );
      },
      gap: () => tellEach((listener) => listener.gap?.()),
      live: (now) => {
        isLive = now;
        pollIfNeeded();
        tellEach((listener) => listener.live?.(now));
      },
    });
    reading = own;
    void own.begun.then(() => {
      hasBegun = reading === own;
    });
  };
  const close = (): void => {
    clearTimeout(lingering);
    reading?.close();
    reading = undefined;
    isLive = false;
    hasBegun = false;
    polling.stop();
  };

  const listen = (add: () => () => void): (() => void) => {
    const remove = add();
    listeners++;
    open();
    pollIfNeeded();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      remove();
      pollIfNeeded();
      if (--listeners === 0) lingering = setTimeout(close, LINGER_MS).unref();
    };
  };

  return {
    isLive: () => isLive,
    begun: async () => {
      if (hasBegun || reading === undefined) return;
      await withDeadline(reading.begun, BEGUN_WITHIN_MS).catch(() => {});
    },
    place: () => reading?.place(),
    toJob: (jobId, listener) => listen(() => jobs.add(jobId, listener)),
    toOrder: (orderId, listener) => listen(() => orders.add(orderId, listener)),
    toAll: (listener) =>
      listen(() => {
        everything.add(listener);
        return () => everything.delete(listener);
      }),
    close,
  };
};
