/**
 * A reset, as MySQL has it. One row says which was the last one: whatever is as old as its version, or older, is gone
 * from the moment on in which that is committed (readBefore), although the rows are still there. Removing them can fail
 * or be cut short at any place, and whoever goes on derives all from the version again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { isTime, lastVersionOf, timeOf } from '../domain/versions.ts';
import type { Alone } from './alone.ts';
import type { Orm, Transaction } from './client.ts';
import { addToCount } from './counts.ts';
import { isLockConflict } from './errors.ts';
import { format } from './literals.ts';
import { readRows } from './rows.ts';
import { runEach } from './statements.ts';
import { NOW } from './time.ts';

/** A transaction removes so many rows at the most: no lock is held for long, and no log grows. */
const ORDERS_PER_CHUNK = 1_000;
const ITEMS_PER_CHUNK = 5_000;
/** How often a chunk is tried again that met another transaction, and how long before it is. */
const MAX_TRIES = 20;
const PAUSE_MS = 50;

/**
 * The version of a reset: what is as old or older is gone.
 * @param at its time as the table has it; 0 where that is the one of a table in which there was none
 */
export const resetVersion = (at: string): number => {
  const version = lastVersionOf(Date.parse(`${at.replace(' ', 'T')}Z`));
  return isTime(version) ? version : 0;
};

export interface Reset {
  /** 0 where there was none. */
  version: number;
  complete: boolean;
  /** MySQL's time in microseconds since 1970. */
  now: number;
}

/** @throws the database's error */
export const readReset = async (orm: Pick<Orm, 'execute'>): Promise<Reset> => {
  const [row] = await readRows<{ at: string; complete: number; now: number }>(
    orm,
    sql.raw(`SELECT at, complete, ${NOW} AS now FROM last_reset WHERE id = 1`),
  );
  if (!row) throw new Error('The table last_reset is empty: run the migrations.');
  return { version: resetVersion(row.at), complete: row.complete === 1, now: row.now };
};

/** Takes a reset back whose time is ahead of the clock, as no reset can have been. */
export const forgetReset = async (orm: Pick<Orm, 'execute'>): Promise<void> => {
  await orm.execute(
    sql`update last_reset set at = '1970-01-01', complete = true where id = 1 and at > utc_timestamp(3) + interval 1 minute`,
  );
};

/**
 * Waits until nobody else resets. The lock goes with the connection, also when this process is killed.
 * @returns whether it was got within so many seconds
 */
export const lockResets = async (alone: Alone, seconds: number): Promise<boolean> => {
  // Its name is the server's, not the database's, and of 64 characters at most: hence the hash.
  const lock = sql`md5(concat('orders reset of ', database()))`;
  const [row] = await readRows<{ locked: number | null }>(
    alone,
    sql`select get_lock(${lock}, ${seconds}) as locked`,
  );
  return row?.locked === 1;
};

/** The moment: from here on all is gone that is as old as `version` or older. It waits for whoever applies a job. */
export const beginReset = async (alone: Alone, version: number): Promise<void> => {
  await alone.execute(sql`update last_reset set at = ${timeOf(version)}, complete = false where id = 1`);
};

export const endReset = async (alone: Alone, version: number): Promise<void> => {
  await alone.execute(sql`update last_reset set complete = true where id = 1 and at = ${timeOf(version)}`);
};

/** Runs a transaction, again where it met another one. */
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

/** Orders in chunks of which each has no more items than it may, or is one order. */
const chunksOf = async (alone: Alone, ids: string[]): Promise<string[][]> => {
  const counts = await readRows<{ id: string; items: number }>(
    alone,
    sql.raw(
      format(
        'SELECT order_id AS id, COUNT(*) AS items FROM order_items WHERE order_id IN (?) GROUP BY order_id',
        [ids],
      ),
    ),
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
 * Removes the orders and tombstones of before a reset.
 * @param latest the greatest version that can be: what is from further ahead is from before the reset too
 * @param removed is called with the number of orders after each transaction
 * @throws the database's error; what was removed by then is gone, and its number is right
 */
export const removeOrders = async (
  alone: Alone,
  version: number,
  latest: () => number,
  removed: (orders: number) => void,
): Promise<void> => {
  const ranges = [
    { of: (column: string) => `${column} <= ?`, bound: () => timeOf(version) },
    { of: (column: string) => `${column} > ?`, bound: () => timeOf(latest()) },
  ];
  for (const { of, bound } of ranges)
    for (;;) {
      const at = bound();
      const found = await readRows<{ id: string }>(
        alone,
        sql.raw(
          format(
            `SELECT id FROM orders FORCE INDEX (orders_newest) WHERE ${of('accepted_at')} ORDER BY accepted_at, id LIMIT ${ORDERS_PER_CHUNK}`,
            [at],
          ),
        ),
      );
      if (found.length === 0) break;
      const ids = found.map(({ id }) => id);
      for (const chunk of await chunksOf(alone, ids)) {
        // Meanwhile a new order may have taken the id of a removed one.
        const statement = format(
          `DELETE orders FROM orders FORCE INDEX (PRIMARY) WHERE id IN (?) AND ${of('accepted_at')}`,
          [chunk.sort(), at],
        );
        const orders = await patiently(alone, async (tx) => {
          const [{ affectedRows }] = await tx.execute(sql.raw(statement));
          await runEach(tx, addToCount(-affectedRows));
          return affectedRows;
        });
        removed(orders);
      }
    }
  for (const { of, bound } of ranges)
    for (;;) {
      const statement = format(`DELETE FROM deleted_orders WHERE ${of('deleted_at')} LIMIT ?`, [
        bound(),
        ITEMS_PER_CHUNK,
      ]);
      const [{ affectedRows }] = await patiently(alone, (tx) => tx.execute(sql.raw(statement)));
      if (affectedRows === 0) break;
    }
};
