/** How many orders there are, at a cost that does not grow with them. */
import { sql } from 'drizzle-orm';
import type { Alone } from './alone.ts';
import { isLocked, lockQuery } from './locks.ts';
import { readRows } from './rows.ts';
import { orderCounts, orders } from './schema.ts';

/** How many rows the count is spread over. Two connections that happen to add to the same row wait for each other. */
const SLOTS = 256;

/**
 * Counts what a transaction inserts or deletes. This has to be its last statement, so that it locks a row of the count
 * for no longer than its commit takes.
 * @param change by how many orders there are more, or with a minus fewer
 * @returns the statement, or none if there is no change
 */
export const addToCount = (change: number): string[] => {
  if (change === 0) return [];
  return [
    `INSERT INTO order_counts (slot, orders) VALUES (connection_id() % ${SLOTS}, ${change}) ON DUPLICATE KEY UPDATE orders = orders + ${change}`,
  ];
};

/** A query for the number of orders, to be put into another one. */
export const orderTotal = sql`select coalesce(sum(${orderCounts.orders}), 0) from ${orderCounts}`;

/** Asks to be the only one who corrects the number. The lock goes with the connection. @returns whether it is */
export const lockCounts = async (alone: Alone): Promise<boolean> =>
  isLocked(await readRows(alone, sql.raw(lockQuery('count', 0))));

/**
 * Corrects the number where programs that do not know of it have inserted or deleted orders. Both numbers are of one
 * moment, as they stand in one statement.
 * @returns by how much it was wrong
 * @throws the database's error
 */
export const correctCount = async (alone: Alone): Promise<number> => {
  const [row] = await readRows<{ difference: number | string }>(
    alone,
    sql`select (select count(*) from ${orders}) - (${orderTotal}) as difference`,
  );
  const difference = Number(row?.difference ?? 0);
  for (const statement of addToCount(difference)) await alone.execute(sql.raw(statement));
  return difference;
};
