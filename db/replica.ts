/**
 * A replica, for reads that need not see what was committed a moment ago. It is asked only for what it is known to have
 * (marks.ts). Whatever else is the matter with it, nobody is told but the observer: then the primary is asked.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Order } from '../domain/order.ts';
import { DeadlineError, withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';
import { reachability } from '../process/reachability.ts';
import { isLost, isPassing, isPoolBusy, reasonOf } from './errors.ts';
import { createMarks, timeOfMark } from './marks.ts';
import { findMarkedOrder } from './orders.ts';
import type { Orm, openPool } from './pool.ts';
import { openReader, type Reader } from './reader.ts';
import { readRows } from './rows.ts';

/** How often we look how far behind it is, and how often meanwhile. */
const LOOK_INTERVAL_MS = 1_000;
const POLL_MS = 20;
/** If it is further behind, it is not asked for single orders, or for lists, which wait for it. */
const MOST_BEHIND_MS = 3_000;
/** How long a look may take, beside what the replica is behind. */
const LOOK_WITHIN_MS = 1_000;
/** How long lists wait until it has what they need, and until it has said so. */
const LISTS_WAIT_MS = 250;
const SNAPSHOT_WITHIN_MS = 500;
/** How long a single order may take. Then there is still time to ask the primary. */
const ORDER_WITHIN_MS = 500;
const REMOVED_WITHIN_MS = 1_000;

/** Its pool is less patient than that of the primary, which can always be asked instead. */
export const replicaLimits = { waitMs: ORDER_WITHIN_MS, silenceMs: 2_000 };

export interface Replica {
  /** Whether it is asked for single orders at present. */
  isNear(): boolean;

  /**
   * Finds an order. Never rejects.
   * @returns undefined if it does not have the order, or does not answer in time. `upTo` says that nothing is missing
   *   that was committed before, as performance.now()
   */
  findOrder(id: string): Promise<{ order: Order; upTo: number } | undefined>;

  /**
   * Takes a connection for reading, in a snapshot in which nothing is missing that was committed before `upTo`.
   * @param since `upTo` is not before it. Both are performance.now()
   * @returns undefined if that cannot be had at once
   * @throws the signal's reason
   */
  openReader(since: number, signal: AbortSignal): Promise<{ reader: Reader; upTo: number } | undefined>;

  /** What is the matter with it, in a sentence that anybody may read; undefined if it is well. */
  problem(): string | undefined;

  close(): Promise<void>;
}

/** MySQL has the old names before 8.0.26. */
const ORDER_OF_COMMITS = sql`show global variables where variable_name in ('innodb_read_only',
  'replica_preserve_commit_order', 'slave_preserve_commit_order', 'replica_parallel_workers', 'slave_parallel_workers')`;
/** Whether a server commits in another order than its source. One that shares its storage (Aurora) has no such order. */
const isUnordered = async (orm: Orm): Promise<boolean> => {
  const rows = await readRows<{ Variable_name: string; Value: string }>(orm, ORDER_OF_COMMITS);
  const values = new Map(rows.map((row) => [row.Variable_name, row.Value]));
  const either = (name: string) => values.get(`replica_${name}`) ?? values.get(`slave_${name}`);
  return (
    values.get('innodb_read_only') !== 'ON' &&
    either('preserve_commit_order') === 'OFF' &&
    Number(either('parallel_workers')) > 1
  );
};

/**
 * Watches a replica.
 * @param pool the connections to it
 * @param primary whose replica it is
 */
export const openReplica = (
  { pool, orm }: Pick<ReturnType<typeof openPool>, 'pool' | 'orm'>,
  primary: Orm,
  observer: Observer,
): Replica => {
  const marks = createMarks(primary);
  const reach = reachability(observer, 'MySQL for reads');
  const ending = new AbortController();
  /** How long it took it lately to have what was committed; infinite while that is not known. */
  let behindMs = Number.POSITIVE_INFINITY;
  let isBehind = false;
  let problem: string | undefined = 'It was not reached yet.';

  const isNear = () => behindMs <= MOST_BEHIND_MS;
  const pause = (ms: number) => sleep(ms, undefined, { signal: ending.signal, ref: false });
  /**
   * @param why what is the matter with it
   * @param reason the same in a server's words
   */
  const see = (ms: number, why = 'It is too far behind.', reason = why) => {
    behindMs = ms;
    problem = ms > MOST_BEHIND_MS ? why : undefined;
    const wasBehind = isBehind;
    isBehind = problem !== undefined;
    if (isBehind && !wasBehind) observer.replicaBehind({ reason });
    if (!isBehind && wasBehind) observer.replicaFollows({});
  };
  /** After an error nobody asks it until the next look, unless it only has too much to do. */
  const doubt = (error: unknown) => {
    if (!isPoolBusy(error)) behindMs = Number.POSITIVE_INFINITY;
  };
  const newest = async (): Promise<number> => {
    const asking = readRows<{ mark: number | null }>(orm, sql.raw(`SELECT ${marks.newest} AS mark`));
    const [row] = await withDeadline(asking, LOOK_WITHIN_MS);
    return timeOfMark(row?.mark ?? null);
  };

  /** Measures how far behind it is. */
  const look = async (): Promise<void> => {
    let mark: number;
    try {
      mark = await marks.from(performance.now());
    } catch (error) {
      // Without a new mark nobody knows what the replica has. Whether the primary is there is told elsewhere.
      behindMs = Number.POSITIVE_INFINITY;
      if (!isPassing(error))
        see(
          behindMs,
          'How far it is behind cannot be measured.',
          `No mark can be written: ${reasonOf(error)}`,
        );
      return;
    }
    try {
      if (await withDeadline(isUnordered(orm), LOOK_WITHIN_MS)) {
        reach.up();
        return see(
          Number.POSITIVE_INFINITY,
          'It commits in an order of its own: replica_preserve_commit_order.',
        );
      }
      let found = await newest();
      reach.up();
      for (; found < mark; found = await newest()) {
        const ms = performance.now() - mark;
        if (ms > MOST_BEHIND_MS) return see(ms);
        await pause(POLL_MS);
      }
      see(performance.now() - mark);
    } catch (error) {
      if (ending.signal.aborted) return;
      behindMs = Number.POSITIVE_INFINITY;
      const isAway = isLost(error) || error instanceof DeadlineError;
      problem = isAway ? 'It does not answer.' : 'It refuses what it is asked.';
      reach.down(new Error(reasonOf(error)));
    }
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      await look();
      await pause(LOOK_INTERVAL_MS);
    }
  };
  // Only an end stops it.
  const watching = watch().catch(() => {});

  /** @throws whatever keeps the replica from answering, or the signal's reason */
  const openSnapshot = async (since: number, signal: AbortSignal) => {
    const giveUpAt = performance.now() + LISTS_WAIT_MS;
    await marks.from(since);
    const reader = await openReader(orm, signal, false);
    try {
      for (;;) {
        await reader.beginSnapshot();
        const [row] = await reader.rows<{ mark: number | null }>(sql.raw(`SELECT ${marks.newest} AS mark`));
        const upTo = timeOfMark(row?.mark ?? null);
        if (upTo >= since) return { reader, upTo };
        await reader.endSnapshot();
        if (performance.now() >= giveUpAt) break;
        await sleep(POLL_MS);
      }
    } catch (error) {
      reader.close();
      throw error;
    }
    reader.close();
    return undefined;
  };

  return {
    isNear,
    findOrder: async (id) => {
      if (!isNear()) return undefined;
      try {
        const { order, mark } = await withDeadline(findMarkedOrder(orm, id, marks.newest), ORDER_WITHIN_MS);
        return order && { order, upTo: timeOfMark(mark) };
      } catch (error) {
        doubt(error);
        return undefined;
      }
    },

    openReader: async (since, signal) => {
      if (behindMs > LISTS_WAIT_MS) return undefined;
      const giveUp = new AbortController();
      try {
        const opening = openSnapshot(since, AbortSignal.any([signal, giveUp.signal]));
        return await withDeadline(opening, SNAPSHOT_WITHIN_MS);
      } catch (error) {
        giveUp.abort(error);
        signal.throwIfAborted();
        doubt(error);
        return undefined;
      }
    },

    problem: () => problem,

    close: async () => {
      ending.abort();
      // No process waits for a primary that does not answer: others remove its marks after a day.
      await withDeadline(watching.then(marks.remove), REMOVED_WITHIN_MS).catch(() => {});
      await pool.end().catch(() => {});
    },
  };
};
