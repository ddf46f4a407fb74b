/**
 * Decides whether the API may say that an order does not exist. An order of which neither Redis nor MySQL has anything
 * may still be a write that was accepted: it waits in the queue, and its pending copy is lost (Redis was away, refused
 * it, was emptied, or kept it no longer). So the API says "not found" only if one of these is known, and "nobody can
 * know" otherwise:
 *   - the id is of version 7, and its time is in the future or long before this service existed: nobody was given
 *     this id;
 *   - Redis answers, its pending copies are complete since some time, and the id was made later: if the write were
 *     waiting, its copy would be there;
 *   - MySQL has its tombstone;
 *   - every accepted write is applied or a dead letter, at least up to the time in the id, or up to the time since when
 *     copies are complete, or else up to now. Then MySQL is asked once more.
 * Redis keeps the time since when copies are complete. That time begins anew if Redis has none (a new or an emptied
 * server), and if an API process comes back to Redis after it was without.
 */
import type { FastifyInstance } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { findVersion } from '../../db/orders.ts';
import { readInTime } from '../../db/reads.ts';
import { isTime, MAX_AHEAD } from '../../domain/versions.ts';
import type { Config } from '../../process/config.ts';
import { HttpError } from '../http/errors.ts';

/** How long a request waits to learn whether everything is applied. */
const PROGRESS_WITHIN_MS = 300;
/** How far two clocks that follow the same third one may be apart, in microseconds. */
const SKEW = 100_000;

/** How often we ask ahead of requests whether everything is applied. */
const PREPARE_INTERVAL_MS = 1_000;

const TIME_DIGITS = 12;
/** When an id was made, in microseconds since 1970; undefined if the id does not say (RFC 9562, 5.7). */
export const timeOfId = (id: string): number | undefined => {
  const digits = id.replaceAll('-', '');
  if (digits[TIME_DIGITS] !== '7') return undefined;
  return Number.parseInt(digits.slice(0, TIME_DIGITS), 16) * 1000;
};

const unknownState = (id: string) =>
  new HttpError(
    503,
    `Whether there is an order with ID '${id}' cannot be known at the moment.`,
    'order_state_unknown',
  );

/**
 * Finds out whether orders do not exist.
 * @param acceptMicros the longest time that accepting a write takes after its id was made, in microseconds
 * @param keptMicros how long a pending copy is kept, in microseconds
 */
export const orderAbsence = (
  { cache, broker, database, clock }: Pick<FastifyInstance, 'cache' | 'broker' | 'database' | 'clock'>,
  { acceptMicros, keptMicros }: { acceptMicros: number; keptMicros: number },
) => {
  /** Every write that was accepted before this time, in microseconds since 1970, is applied or a dead letter. */
  let appliedUpTo = 0;
  let asking: Promise<boolean> | undefined;
  const ask = (): Promise<boolean> => {
    const started = clock.now();
    const answer = broker
      .isAllDone()
      .then((isDone) => {
        if (isDone) appliedUpTo = Math.max(appliedUpTo, started);
        return isDone;
      })
      .catch(() => false);
    asking = answer;
    void answer.finally(() => {
      if (asking === answer) asking = undefined;
    });
    return answer;
  };
  let next: Promise<boolean> | undefined;
  /** A question under way may be too early for a new request, so all requests that come meanwhile share the next. */
  const askFromNow = (): Promise<boolean> => {
    if (asking === undefined) return ask();
    next ??= asking.then(() => {
      next = undefined;
      return ask();
    });
    return next;
  };
  const within = (answer: Promise<boolean>): Promise<boolean> => {
    const late = new Promise<boolean>((resolve) => setTimeout(resolve, PROGRESS_WITHIN_MS, false).unref());
    return Promise.race([answer, late]);
  };

  /**
   * Since when a write with this id may wait without a copy, in microseconds since 1970; undefined if it cannot wait.
   */
  const doubtfulSince = async (id: string): Promise<number | undefined> => {
    const now = clock.now();
    const madeAt = timeOfId(id);
    if (madeAt !== undefined && (!isTime(madeAt) || madeAt > now + MAX_AHEAD)) return undefined;
    const copies = await cache.pending.completeSince(id);
    if (copies === 'deleted') return undefined;
    const since = copies === null ? now : Math.max(copies, now - keptMicros);
    if (copies !== null && madeAt !== undefined && madeAt > since + SKEW) return undefined;
    return Math.min(since, madeAt ?? since);
  };

  /** As `appliedUpTo`, and also of delayed jobs that create nothing, which `isAllDone` does not count. */
  let doneUpTo = 0;
  /** Whether everything that was accepted until now is applied or a dead letter. Never rejects. */
  const isNothingWaiting = (): Promise<boolean> => {
    // Delayed jobs go from a delay queue to the queue of jobs, to a consumer, and back: so the delay queues must be empty
    // before and after.
    const isNoneDelayed = async () => (await broker.delayed()) === 0;
    const isDone = async () => {
      const started = clock.now();
      const done = (await isNoneDelayed()) && (await askFromNow()) && (await isNoneDelayed());
      if (done) doneUpTo = Math.max(doneUpTo, started);
      return done;
    };
    return within(isDone().catch(() => false));
  };

  /** `true`: the order does not exist. `now`: it exists only if MySQL has it by now. `false`: nobody can know. */
  const isAbsent = async (id: string): Promise<true | 'now' | false> => {
    const doubtful = await doubtfulSince(id);
    if (doubtful === undefined) return true;
    return appliedUpTo > doubtful + acceptMicros + SKEW || (await within(askFromNow())) ? 'now' : false;
  };

  return {
    /** Asks ahead of requests while copies may be missing, so that readers need not wait. To be called regularly. */
    prepare: async (): Promise<void> => {
      if (appliedUpTo <= cache.since() + acceptMicros + SKEW) await within(askFromNow());
    },

    /** Finds out whether no job with this id can still wait to be applied. Never rejects. */
    waitsNowhere: async (jobId: string): Promise<boolean> =>
      (await doubtfulSince(jobId)) === undefined || isNothingWaiting(),

    /**
     * Finds out whether each write to an order that waits has a pending copy. To be asked when there is none. Never
     * rejects.
     */
    areCopiesComplete: async (orderId: string): Promise<boolean> => {
      const copies = await cache.pending.completeSince(orderId);
      if (copies === 'deleted') return true;
      const since = copies ?? clock.now();
      const madeAt = timeOfId(orderId);
      if (copies !== null && madeAt !== undefined && madeAt > since + SKEW) return true;
      return doneUpTo > since + acceptMicros + SKEW || isNothingWaiting();
    },

    /**
     * Finds out whether an order that was just read and not found does not exist.
     * @param read reads it once more
     * @returns undefined if it does not exist, otherwise what `read` found
     * @throws HttpError 503 if nobody can know, and whatever `read` or the database throws
     */
    confirm: async <T>(id: string, read: (id: string) => Promise<T | undefined>): Promise<T | undefined> => {
      const isSo = await isAbsent(id);
      if (isSo === true) return undefined;
      const found = await read(id);
      if (found !== undefined || isSo === 'now') return found;
      const state = await readInTime(() => findVersion(database.orm, id));
      if (state === 'deleted') return undefined;
      throw unknownState(id);
    },
  };
};

declare module 'fastify' {
  interface FastifyInstance {
    absence: ReturnType<typeof orderAbsence>;
  }
}

export const absence = fastifyPlugin<{ config: Pick<Config, 'cache' | 'rabbitmq'> }>(
  async (app, { config }) => {
    const found = orderAbsence(app, {
      acceptMicros: config.rabbitmq.publishTimeoutMs * 1e3,
      keptMicros: config.cache.waitingTtl * 1e6,
    });
    app.decorate('absence', found);
    app.addHook('onReady', found.prepare);
    const preparing = setInterval(found.prepare, PREPARE_INTERVAL_MS).unref();
    app.addHook('onClose', async () => clearInterval(preparing));
  },
  { name: 'absence', fastify: '5.x', dependencies: ['backends'] },
);
