/** Orders as consumers leave them in MySQL. */
import { randomUUID } from 'node:crypto';
import type { Orm } from '../../db/client.ts';
import { addToCount } from '../../db/counts.ts';
import { insertOrders } from '../../db/orders.ts';
import { runEach } from '../../db/statements.ts';
import type { Order } from '../../domain/order.ts';

/** An order, accepted at a time in milliseconds since 1970. */
export type Accepted = { order: Order; at: number };

/** By default all are accepted at once, so that their ids alone say which comes first. */
export const anAcceptedOrder = (overrides: Partial<Order> = {}, at = Date.UTC(2026, 0, 1)): Accepted => ({
  order: {
    order_id: randomUUID(),
    customer_name: 'Ada',
    status: 'received',
    items: [{ name: 'Tea', quantity: 1 }],
    ...overrides,
  },
  at,
});

/**
 * Orders of two statuses, with names and items that are hard to quote, of which every fiftieth is Zoë's.
 * @param from when the first three are accepted, in milliseconds since 1970; each three more a millisecond later
 */
export const variedOrders = (count: number, from: number): Accepted[] =>
  Array.from({ length: count }, (_, i) =>
    anAcceptedOrder(
      {
        customer_name: i % 50 === 0 ? `Zoë & "Ω" 100%+${i} 🦀` : `Ada ${i}`,
        status: i % 2 ? 'shipped' : 'on its way',
        items: [
          { name: 'Tea, "next":', quantity: i + 1 },
          { name: '"orders":[', quantity: 1 },
        ],
      },
      from + Math.floor(i / 3),
    ),
  );

/** Puts them into the tables and counts them. */
export const insertAccepted = (orm: Orm, accepted: Accepted[]): Promise<void> =>
  orm.transaction(async (tx) => {
    const rows = accepted.map(({ order, at }) => ({ order, acceptedAt: new Date(at), version: 1 }));
    await runEach(tx, [...insertOrders(rows), ...addToCount(rows.length)]);
  });

/** In the order of the list: the one accepted last first, the greater id where two are of the same time. */
export const newestFirst = (accepted: Accepted[]): Order[] =>
  accepted
    .toSorted((a, b) => b.at - a.at || (a.order.order_id < b.order.order_id ? 1 : -1))
    .map(({ order }) => order);
