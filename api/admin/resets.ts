/**
 * Removing all orders. A reset has one moment, which is a version: everything that is as old as it or older is removed
 * everywhere, everything newer is kept everywhere. A reset goes through two states; a table in MySQL says in which one
 * the last reset is:
 *   begun      is committed before anything is removed. From then on consumers treat the older jobs as void and the
 *              older orders as gone (consumer/apply.ts).
 *   complete   is set when the orders are removed, then the waiting jobs at the head of the queue, then everything
 *              older that Redis has.
 * All of this follows from the version, and doing it twice has the same effect as doing it once. So if a reset has
 * begun and nobody works on it, because its process was killed or a server was away, any API process can complete it:
 * each one looks every few seconds. Older jobs in delay queues are void when they come back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../../cache/cache.ts';
import type { Alone } from '../../db/alone.ts';
import type { Database } from '../../db/client.ts';
import { reasonOf } from '../../db/errors.ts';
import { beginReset, endReset, forgetReset, lockResets, readReset, removeOrders } from '../../db/resets.ts';
import { namesIn } from '../../domain/jobs.ts';
import { type Clock, lastVersionOf, MAX_AHEAD } from '../../domain/versions.ts';
import { voidTeller } from '../../jobs/letters.ts';
import type { Story } from '../../jobs/story.ts';
import type { Observer } from '../../process/observer.ts';
import type { Broker } from '../../queue/broker.ts';
import type { QueuedMessage } from '../../queue/head.ts';

/** How long a reset waits until another one ends. */
const LOCK_SECONDS = 20;
/**
 * In microseconds. Clocks of API processes differ by less. A reset waits this long before it answers, so everything
 * that any process accepts after the answer is newer than the reset.
 */
const SKEW = 100_000;
const LOG_INTERVAL_MS = 5_000;

interface Backends {
  broker: Broker;
  cache: Cache;
  clock: Clock;
  database: Database;
  story: Story;
  observer: Observer;
}

/** Another reset is still running. */
export class ResetBusy extends Error {}
/** The reset has begun but could not be completed; an API process completes it later. The message says what failed. */
export class ResetUnfinished extends Error {}

/**
 * Whether a waiting message is certain to be void.
 * @param version the one in the message, if it has one
 * @param reset the version of the reset
 * @param waited whether the message has waited since before the reset; this decides if the message has neither a
 *   version nor a timestamp
 */
const isVoid = (
  version: number | undefined,
  { timestamp }: QueuedMessage['properties'],
  reset: number,
  waited: boolean,
): boolean => {
  if (version !== undefined) return version <= reset;
  return typeof timestamp === 'number' ? lastVersionOf((timestamp + 1) * 1_000 - 1) <= reset : waited;
};

/** Makes resets; among all processes only one runs at a time. */
export const orderResets = ({ broker, cache, clock, database, story, observer }: Backends) => {
  const passed = async (version: number): Promise<void> => {
    for (let ahead = version - clock.now(); ahead >= 0; ahead = version - clock.now())
      await sleep(Math.ceil((ahead + 1) / 1_000));
  };

  /** @param waited how many jobs have waited in the queue since before the reset, if that is known */
  const complete = async (alone: Alone, version: number, waited?: number): Promise<void> => {
    await passed(version);
    clock.observe(version);
    let orders = 0;
    let said = performance.now();
    await removeOrders(alone, version, clock.latest, (removed) => {
      orders += removed;
      if (performance.now() - said < LOG_INTERVAL_MS) return;
      said = performance.now();
      observer.resetRemoves({ orders });
    });
    const voids = voidTeller({ story, observer });
    const jobs = await broker.purgeHead(waited ?? (await broker.waiting()), ({ content, properties }) => {
      const names = namesIn(content);
      const purges = isVoid(names.version, properties, version, waited !== undefined);
      if (purges) voids.purged(names, properties.correlationId);
      return purges;
    });
    await voids.done();
    if (!(await cache.removeUpTo(version)))
      // Meanwhile readers ask MySQL, which has none of the removed orders any more.
      return observer.resetWaits({});
    await endReset(alone, version);
    observer.resetCompleted({ orders, jobs });
  };

  /** @throws ResetBusy if another reset still runs after so many seconds */
  const locked = <T>(seconds: number, work: (alone: Alone) => Promise<T>): Promise<T> =>
    database.alone(async (alone) => {
      if (!(await lockResets(alone, seconds))) throw new ResetBusy();
      return work(alone);
    });

  return {
    /**
     * Removes all orders. Resolves when every order that was accepted before the call is gone.
     * @throws ResetBusy if another reset is still running; ResetUnfinished if this one has begun and is completed
     *   later; PublishError, the database's error, or an Error about the clocks if it has not begun
     */
    reset: async (): Promise<void> => {
      const version = await locked(LOCK_SECONDS, async (alone) => {
        const waited = await broker.waiting();
        const { version: earlier, now } = await readReset(alone);
        const version = lastVersionOf(Math.floor(clock.next() / 1_000));
        if (Math.abs(version - now) > MAX_AHEAD)
          throw new Error("This machine's clock and MySQL's are more than a minute apart.");
        // Like the clock, the moment of a reset never goes back.
        const moment = earlier > now + MAX_AHEAD ? version : Math.max(version, earlier);
        await beginReset(alone, moment);
        try {
          await complete(alone, moment, waited);
        } catch (error) {
          throw new ResetUnfinished(reasonOf(error));
        }
        return moment;
      });
      await passed(version + SKEW);
    },

    /**
     * Completes a reset that has begun and that nobody works on. Takes a reset back if its moment is more than a minute
     * ahead of all clocks, which cannot be right.
     * @throws whatever keeps it from doing so
     */
    lookAfter: async (): Promise<void> => {
      const { version, complete: isComplete, now } = await readReset(database.orm);
      if (version > Math.max(now, clock.now()) + MAX_AHEAD) {
        observer.resetAhead({});
        return forgetReset(database.orm);
      }
      clock.observe(version);
      // While Redis is away a reset cannot be completed: see `removeUpTo`.
      if (isComplete || (cache.enabled && (await cache.time()) === null)) return;
      try {
        await locked(0, async (alone) => {
          const found = await readReset(alone);
          if (!found.complete) await complete(alone, found.version);
        });
      } catch (error) {
        if (!(error instanceof ResetBusy)) throw error;
      }
    },
  };
};
