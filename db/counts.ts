/** How many orders there are: exactly, and at a cost that does not grow with them. */
import { sql } from 'drizzle-orm';
import { orderCounts } from './schema.ts';

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
