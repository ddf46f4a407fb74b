/** Fills the tables with very many orders, quickly. */
import type { Connection } from 'mysql2/promise';
import { CUSTOMERS, FILLED_FROM, MOST_ITEMS, MOST_OF_AN_ITEM, PRODUCTS } from './orders.ts';

const ORDERS_PER_TRANSACTION = 100_000;

/** SQL for the elements of a list in turn. */
const inTurn = (list: string[], n: string) =>
  `ELT(1 + ${n} % ${list.length}, ${list.map((text) => `'${text}'`).join(', ')})`;

/** The time in an id, as `filledId` in orders.ts has it. */
const TIME = `LPAD(LOWER(HEX(${FILLED_FROM} + n)), 12, '0')`;
const ID = `CONCAT(LEFT(${TIME}, 8), '-', RIGHT(${TIME}, 4), '-7000-8000-', LPAD(LOWER(HEX(n)), 12, '0'))`;
const ACCEPTED_AT = `DATE_ADD('${new Date(FILLED_FROM).toISOString().slice(0, 10)}', INTERVAL n * 1000 MICROSECOND)`;

/**
 * Fills an empty database with the orders number 0 to `count` - 1 (orders.ts).
 * @param connection its time zone is UTC; its session checks no foreign keys from then on
 */
export const fillOrders = async (connection: Connection, count: number): Promise<void> => {
  await connection.query('SET foreign_key_checks = 0, unique_checks = 0');
  await connection.query('CREATE TEMPORARY TABLE numbers (n INT PRIMARY KEY)');
  await connection.query('INSERT INTO numbers VALUES (0)');
  for (let size = 1; size < count; size *= 2) {
    await connection.query('CREATE TEMPORARY TABLE more (n INT PRIMARY KEY)');
    await connection.query('INSERT INTO more SELECT n + ? FROM numbers WHERE n + ? < ?', [size, size, count]);
    await connection.query('INSERT INTO numbers SELECT n FROM more');
    await connection.query('DROP TEMPORARY TABLE more');
  }
  for (let from = 0; from < count; from += ORDERS_PER_TRANSACTION) {
    const range = [from, Math.min(count, from + ORDERS_PER_TRANSACTION)];
    await connection.beginTransaction();
    await connection.query(
      `INSERT INTO orders (id, customer_name, status, version, accepted_at)
       SELECT ${ID}, ${inTurn(CUSTOMERS, 'n')}, 'received', (${FILLED_FROM} + n) * 1000, ${ACCEPTED_AT}
       FROM numbers WHERE n >= ? AND n < ? ORDER BY n`,
      range,
    );
    const items = Array.from({ length: MOST_ITEMS }, (_, item) => `SELECT ${item} AS item`);
    await connection.query(
      `INSERT INTO order_items (order_id, item_name, quantity)
       SELECT ${ID}, ${inTurn(PRODUCTS, '(n + item)')}, 1 + (n + item) % ${MOST_OF_AN_ITEM}
       FROM numbers JOIN (${items.join(' UNION ALL ')}) AS items ON item <= n % ${MOST_ITEMS}
       WHERE n >= ? AND n < ? ORDER BY n, item`,
      range,
    );
    // As db/counts.ts has it: the number of orders is the sum of these.
    await connection.query(
      'UPDATE order_counts SET orders = orders + ? - ? WHERE slot = 0',
      range.toReversed(),
    );
    await connection.commit();
  }
  await connection.query('DROP TEMPORARY TABLE numbers');
  // The optimizer would otherwise go by the statistics of a table that was empty a moment ago.
  await connection.query('ANALYZE TABLE orders, order_items');
  await connection.query('SET foreign_key_checks = 1, unique_checks = 1');
};
