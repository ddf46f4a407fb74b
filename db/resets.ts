/**
 * Resets, as far as MySQL is concerned. One row says which was the last one. Once that row is committed, all orders as
 * old as its version or older count as removed (readBefore), although their rows are still there. Removing these may
 * fail or be cut short at any point; whoever continues needs only the version.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type SQL, sql } from 'drizzle-orm';
import { isTime, lastVersionOf, timeOf } from '../domain/versions.ts';
import type { Alone } from './alone.ts';
import { addToCount } from './counts.ts';
import { isLockConflict } from './errors.ts';
import { isLocked, lockQuery } from './locks.ts';
import type { Orm, Transaction } from './pool.ts';
import { readRows } from './rows.ts';
import { deletedOrders, lastReset, orderItems, orders } from './schema.ts';
import { runEach } from './statements.ts';
import { NOW } from './time.ts';

/** How many rows a transaction removes at the most, so that it holds no lock for long and no log grows. */
const ORDERS_PER_CHUNK = 1_000;
const ITEMS_PER_CHUNK = 5_000;
/** How often a chunk is tried that runs into other transactions, and the pause after the first try. */
const MAX_TRIES = 20;
const PAUSE_MS = 50;

/**
 * The version of a reset: orders and jobs as old as it or older count as removed.
 * @param at its time, as the table has it
 * @returns 0 if the time is the one that the table begins with, so that there was no reset
 */
export const resetVersion = (at: string): number => {
  const version = lastVersionOf(Date.parse(`${at.replace(' ', 'T')}Z`));
  return isTime(version) ? version : 0;
};

/** The last reset. */
export interface Reset {
  /** Its version, 0 if there was none. */
  version: number;
  /** Whether everything is removed. */
  complete: boolean;
  /** MySQL's time in microseconds since 1970. */
  now: number;
}

/** Reads the last reset. @throws the database's error */
export const readReset = async (orm: Pick<Orm, 'execute'>): Promise<Reset> => {
  const [row] = await readRows<{ at: string; complete: number; now: number }>(
    orm,
    sql`select at, complete, ${sql.raw(NOW)} as now from ${lastReset} where id = 1`,
  );
  if (!row) throw new Error('The table last_reset is empty: run the migrations.');
  return { version: resetVersion(row.at), complete: row.complete === 1, now: row.now };
};

/** Takes a reset back whose time is ahead of the clock, as no real one can be. @throws the database's error */
export const forgetReset = async (orm: Pick<Orm, 'execute'>): Promise<void> => {
  await orm.execute(
    sql`update ${lastReset} set at = '1970-01-01', complete = true where id = 1 and at > utc_timestamp(3) + interval 1 minute`,
  );
};

/**
 * Waits until nobody else resets, and locks resets. The lock ends with the connection, also if this process is killed.
 * @returns whether it got the lock within so many seconds
 * @throws the database's error
 */
export const lockResets = async (alone: Alone, seconds: number): Promise<boolean> =>
  isLocked(await readRows(alone, sql.raw(lockQuery('reset', seconds))));

/**
 * Commits a reset: from now on everything as old as `version` or older counts as removed. Waits for the transactions
 * that are applying jobs.
 * @throws the database's error
 */
export const beginReset = async (alone: Alone, version: number): Promise<void> => {
  await alone.execute(sql`update ${lastReset} set at = ${timeOf(version)}, complete = false where id = 1`);
};

/** Notes that everything of a reset is removed. @throws the database's error */
export const endReset = async (alone: Alone, version: number): Promise<void> => {
  await alone.execute(sql`update ${lastReset} set complete = true where id = 1 and at = ${timeOf(version)}`);
};

/** Runs a transaction, and tries again if it runs into another one. */
const patiently = async <T>(alone: Alone, work: (tx: Transaction) => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries++) {
    try {
      return await alone.transaction(work);
    } catch (error) {
      if (!isLockConflict(error) || tries === MAX_TRIES) throw error;
      await sleep(PAUSE_MS * tries);
    }
  }
};

/** Divides orders into chunks that have few enough items; an order that has too many is a chunk by itself. */
const chunksOf = async (alone: Alone, ids: string[]): Promise<string[][]> => {
  const counts = await readRows<{ id: string; items: number }>(
    alone,
    sql`select order_id as id, count(*) as items from ${orderItems} where order_id in ${ids} group by order_id`,
  );
  const itemsOf = new Map(counts.map(({ id, items }) => [id, items]));
  const chunks: string[][] = [];
  let items = Number.POSITIVE_INFINITY;
  for (const id of ids) {
    const own = itemsOf.get(id) ?? 0;
    const isFull = items + own > ITEMS_PER_CHUNK;
    if (isFull) chunks.push([id]);
    else chunks.at(-1)?.push(id);
    items = isFull ? own : items + own;
  }
  return chunks;
};

/**
 * Removes the orders and tombstones that are from before a reset.
 * @param version that of the reset
 * @param latest returns the greatest version that can be: what is from further ahead is removed too
 * @param removed is called after each transaction with the number of orders that it removed
 * @throws the database's error; what was removed by then stays removed, and `removed` was told of it
 */
export const removeOrders = async (
  alone: Alone,
  version: number,
  latest: () => number,
  removed: (orders: number) => void,
): Promise<void> => {
  const ranges = [
    (column: SQL) => sql`${column} <= ${timeOf(version)}`,
    (column: SQL) => sql`${column} > ${timeOf(latest())}`,
  ];
  for (const within of ranges)
    for (;;) {
      const isOld = within(sql`accepted_at`);
      const found = await readRows<{ id: string }>(
        alone,
        sql`select id from ${orders} force index (orders_newest) where ${isOld} order by accepted_at, id limit ${ORDERS_PER_CHUNK}`,
      );
      if (found.length === 0) break;
      const ids = found.map(({ id }) => id);
      for (const chunk of await chunksOf(alone, ids)) {
        // Meanwhile a new order may have taken the id of a removed one.
        const statement = sql`delete ${orders} from ${orders} force index (primary) where id in ${chunk.sort()} and ${isOld}`;
        const count = await patiently(alone, async (tx) => {
          const [{ affectedRows }] = await tx.execute(statement);
          await runEach(tx, addToCount(-affectedRows));
          return affectedRows;
        });
        removed(count);
      }
    }
  for (const within of ranges)
    for (;;) {
      const isOld = within(sql`deleted_at`);
      const statement = sql`delete from ${deletedOrders} where ${isOld} limit ${ITEMS_PER_CHUNK}`;
      const [{ affectedRows }] = await patiently(alone, (tx) => tx.execute(statement));
      if (affectedRows === 0) break;
    }
};
