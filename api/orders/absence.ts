/**
 * When an order may be said not to exist. Neither Redis nor MySQL has anything of it. It may still be a write that was
 * accepted: one that waits, and whose pending copy is lost (Redis was away, refused, was emptied, or kept the copy no
 * longer). So it is "not found" only where one of these is known, and "nobody can know" otherwise:
 *   - its id is of version 7 and says a time that is to come, or long before there was this service:
 *     nobody was given it;
 *   - Redis answers, its pending copies are complete since a time, and the id says a later one: if it were a write that
 *     waits, its copy would be there;
 *   - MySQL has its tombstone;
 *   - everything that was accepted is applied or a dead letter: at least up to the time that the id says, or up to the
 *     time since when copies are complete, or else up to now. Then MySQL is asked once more.
 * Redis keeps since when copies are complete. That is the time when this was missing (a new or an emptied server), and
 * when an API process came back to Redis after it had been without.
 */
import type { FastifyInstance } from 'fastify';
import { findVersion } from '../../db/orders.ts';
import { isTime, MAX_AHEAD } from '../../domain/versions.ts';
import { withDeadline } from '../../process/deadline.ts';
import { HttpError } from '../http/errors.ts';

/** How long a request waits to learn whether everything is applied. */
const PROGRESS_WITHIN_MS = 300;
const MYSQL_WITHIN_MS = 2_000;
/** How far two clocks that are kept to one may be apart, in microseconds. */
const SKEW = 100_000;

const TIME_DIGITS = 12;
/** When an id was made, in microseconds since 1970; undefined where it does not say (RFC 9562, 5.7). */
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
 * @param acceptMicros how long accepting a write takes at the most, after its id was made
 * @param keptMicros how long a pending copy is kept
 */
export const orderAbsence = (
  { cache, broker, database, clock }: Pick<FastifyInstance, 'cache' | 'broker' | 'database' | 'clock'>,
  { acceptMicros, keptMicros }: { acceptMicros: number; keptMicros: number },
) => {
  /** Everything that was accepted before is applied or a dead letter. */
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
  /** All who come while a question is under way, which may be too early for them, share the next one. */
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

  /** `true`: it is not there. `now`: it is there if MySQL has it by now. `false`: nobody can know. */
  const isAbsent = async (id: string): Promise<true | 'now' | false> => {
    const now = clock.now();
    const madeAt = timeOfId(id);
    if (madeAt !== undefined && (!isTime(madeAt) || madeAt > now + MAX_AHEAD)) return true;
    const copies = await cache.pending.completeSince(id);
    if (copies === 'deleted') return true;
    const since = copies === null ? now : Math.max(copies, now - keptMicros);
    if (copies !== null && madeAt !== undefined && madeAt > since + SKEW) return true;
    const doubtful = Math.min(since, madeAt ?? since);
    return appliedUpTo > doubtful + acceptMicros + SKEW || (await within(askFromNow())) ? 'now' : false;
  };

  return {
    /** Asks while copies may be missing, so that readers need not wait. To be called now and then. */
    prepare: async (): Promise<void> => {
      if (appliedUpTo <= cache.since() + acceptMicros + SKEW) await within(askFromNow());
    },

    /**
     * For an order that was just read and not found.
     * @param read reads it once more
     * @returns undefined where it does not exist, or what was read now
     * @throws HttpError 503 where nobody can know, and what `read` or the database throws
     */
    confirm: async <T>(id: string, read: (id: string) => Promise<T | undefined>): Promise<T | undefined> => {
      const isSo = await isAbsent(id);
      if (isSo === true) return undefined;
      const found = await read(id);
      if (found !== undefined || isSo === 'now') return found;
      const state = await withDeadline(findVersion(database.orm, id), MYSQL_WITHIN_MS);
      if (state === 'deleted') return undefined;
      throw unknownState(id);
    },
  };
};
