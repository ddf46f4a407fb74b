/**
 * inserts.ts <warm-up> <orders>: inserts so many orders with their items into MySQL, over one connection and as fast as
 * multi-row INSERTs go. Consumers that apply jobs are measured against it. The message `prepare` makes it build all
 * rows and insert those of the warm-up, `go` makes it insert the others.
 */
import { createConnection } from 'mysql2/promise';
import { connectionOptions } from '../../db/client.ts';
import { environment, loadConfig } from '../../process/config.ts';
import { acceptedOrder } from '../orders.ts';

export type Command = 'prepare' | 'go';
/** When the inserts began and ended, in milliseconds since 1970. */
export interface Span {
  from: number;
  to: number;
}

const ORDERS_PER_TRANSACTION = 250;

const [warmup = 0, count = 0] = process.argv.slice(2).map(Number);
const connection = await createConnection(connectionOptions(loadConfig(environment()).mysql));
const now = () => performance.timeOrigin + performance.now();

const transactionsOf = (count: number) => {
  const acceptedAt = new Date();
  const orders = Array.from({ length: count }, (_, n) => acceptedOrder(n));
  return Array.from({ length: Math.ceil(count / ORDERS_PER_TRANSACTION) }, (_, i) => {
    const chunk = orders.slice(i * ORDERS_PER_TRANSACTION, (i + 1) * ORDERS_PER_TRANSACTION);
    return {
      orders: chunk.map((order) => [order.order_id, order.customer_name, order.status, 1, acceptedAt]),
      items: chunk.flatMap(({ order_id, items }) =>
        items.map(({ name, quantity }) => [order_id, name, quantity]),
      ),
    };
  });
};
type Transactions = ReturnType<typeof transactionsOf>;
let prepared: Transactions = [];

const insert = async (transactions: Transactions): Promise<Span> => {
  const from = now();
  for (const { orders, items } of transactions) {
    await connection.beginTransaction();
    await connection.query('INSERT INTO orders (id, customer_name, status, version, accepted_at) VALUES ?', [
      orders,
    ]);
    await connection.query('INSERT INTO order_items (order_id, item_name, quantity) VALUES ?', [items]);
    await connection.commit();
  }
  return { from, to: now() };
};

process.on('message', async (command: Command) => {
  if (command === 'go') return process.send?.(await insert(prepared));
  // Those that are measured come later in the indexes too.
  const first = transactionsOf(warmup);
  prepared = transactionsOf(count);
  await insert(first);
  process.send?.('prepared');
});
process.on('disconnect', () => process.exit());
