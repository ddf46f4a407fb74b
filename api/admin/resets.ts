/**
 * Removing all orders. A reset has one moment, a version: what is as old or older is gone everywhere, what is newer is
 * kept everywhere. It passes through these states, of which MySQL's table holds the last one:
 *   begun      committed before anything is removed. From then on consumers take jobs of before for void and orders of
 *              before for gone (consumer/apply.ts).
 *   complete   the orders are removed, then waiting jobs at the head of their queue, then what Redis knows of before.
 * All of it follows from the version, and doing it twice is as good as once. So whoever finds a reset begun that nobody
 * is at work on completes it, whether its process was killed or a server was away: each API process looks every few
 * seconds. Jobs in delay queues come back and are void.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../../cache/cache.ts';
import type { Alone } from '../../db/alone.ts';
import type { Database } from '../../db/client.ts';
import { reasonOf } from '../../db/errors.ts';
import { beginReset, endReset, forgetReset, lockResets, readReset, removeOrders } from '../../db/resets.ts';
import { namesIn } from '../../domain/jobs.ts';
import { type Clock, lastVersionOf, MAX_AHEAD } from '../../domain/versions.ts';
import { tellVoid } from '../../jobs/letters.ts';
import type { Observer } from '../../process/observer.ts';
import type { Broker } from '../../queue/broker.ts';
import type { QueuedMessage } from '../../queue/head.ts';

/** How long a reset waits for another one to end. */
const LOCK_SECONDS = 20;
/** Clocks of processes differ by less: what they accept once the answer is there is newer than the reset. */
const SKEW = 100_000;
const LOG_INTERVAL_MS = 5_000;

interface Backends {
  broker: Broker;
  cache: Cache;
  clock: Clock;
  database: Database;
  observer: Observer;
}

/** Another reset is at work. */
export class ResetBusy extends Error {}
/** The reset has begun and is completed later. The message says what failed. */
export class ResetUnfinished extends Error {}

/**
 * Whether a message that waits is certain to be void.
 * @param version that it gives itself
 * @param waited whether it has waited since before the reset, which one without any time does not say itself
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

/** Resets, one at a time over all processes. */
export const orderResets = ({ broker, cache, clock, database, observer }: Backends) => {
  const passed = async (version: number): Promise<void> => {
    for (let ahead = version - clock.now(); ahead >= 0; ahead = version - clock.now())
      await sleep(Math.ceil((ahead + 1) / 1_000));
  };

  /** @param waited how many of the jobs that wait have done so since before the reset, where that is known */
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
    const jobs = await broker.discardHead(waited ?? (await broker.waiting()), ({ content, properties }) => {
      const names = namesIn(content);
      const discards = isVoid(names.version, properties, version, waited !== undefined);
      if (discards) tellVoid(observer, names);
      return discards;
    });
    if (!(await cache.clear(version)))
      // Meanwhile readers ask MySQL, which has none of the removed orders any more.
      return observer.resetWaits({});
    await endReset(alone, version);
    observer.resetCompleted({ orders, jobs });
  };

  /** @throws ResetBusy */
  const locked = <T>(seconds: number, work: (alone: Alone) => Promise<T>): Promise<T> =>
    database.alone(async (alone) => {
      if (!(await lockResets(alone, seconds))) throw new ResetBusy();
      return work(alone);
    });

  return {
    /**
     * Resolves once all orders accepted before are gone.
     * @throws ResetBusy, ResetUnfinished, and where it has not begun PublishError or the database's error
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

    /** Completes a reset that nobody is at work on, and takes one back that cannot be. @throws what keeps it from that */
    lookAfter: async (): Promise<void> => {
      const { version, complete: isComplete, now } = await readReset(database.orm);
      if (version > Math.max(now, clock.now()) + MAX_AHEAD) {
        observer.resetAhead({});
        return forgetReset(database.orm);
      }
      clock.observe(version);
      // While Redis is away a reset cannot be completed: see `clear`.
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
