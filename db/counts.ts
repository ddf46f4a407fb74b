/** How many orders there are, at a cost that does not grow with them. */
import { sql } from 'drizzle-orm';
import type { Alone } from './alone.ts';
import { readRows } from './rows.ts';
import { orderCounts, orders } from './schema.ts';

/** Each connection adds to a row of its own; two that share one by chance only wait for each other. */
const SLOTS = 256;

/**
 * Notes that a transaction inserts or deletes orders. Its last statement, so that it holds its row for no longer
 * than its commit takes.
 * @param change how many more orders there are, or fewer
 */
export const addToCount = (change: number): string[] => {
  if (change === 0) return [];
  return [
    `INSERT INTO order_counts (slot, orders) VALUES (connection_id() % ${SLOTS}, ${change}) ON DUPLICATE KEY UPDATE orders = orders + ${change}`,
  ];
};

/** The number of orders, as a query within another. */
export const orderTotal = sql`select coalesce(sum(${orderCounts.orders}), 0) from ${orderCounts}`;

/** Asks to be the only one who corrects the number. The lock goes with the connection. @returns whether it is */
export const lockCounts = async (alone: Alone): Promise<boolean> => {
  // Its name is the server's, not the database's, and of 64 characters at most: hence the hash.
  const lock = sql`md5(concat('orders count of ', database()))`;
  const [row] = await readRows<{ locked: number | null }>(alone, sql`select get_lock(${lock}, 0) as locked`);
  return row?.locked === 1;
};

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
