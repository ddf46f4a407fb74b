/** The list of orders, page by page: keyset pagination, the one accepted last first. */
import { and, like, type SQL, sql } from 'drizzle-orm';
import type { Order, OrderItem } from '../order.ts';
import type { Orm, Transaction } from './client.ts';
import { readRows } from './rows.ts';
import { deletedOrders, orderItems, orders } from './schema.ts';

/** Which orders: those with this status, as its column compares them, and whose name begins so. */
export interface OrderFilter {
  status?: string;
  customer_name?: string;
}

/** The place of an order in the list. The time is as the database writes it, in UTC. */
export interface Position {
  acceptedAt: string;
  id: string;
}

/** Before every order: the greatest time that the column holds. */
export const BEGINNING: Position = { acceptedAt: '9999-12-31 23:59:59.999', id: '' };

export interface Page {
  orders: Order[];
  /** The place of the last order, where more follow. */
  end: Position | undefined;
}

/**
 * Runs `work` so that all it reads is of one moment: that of its first statement.
 * @throws the database's error, or what `work` throws
 */
export const inSnapshot = <T>(orm: Orm, work: (tx: Transaction) => Promise<T>): Promise<T> =>
  orm.transaction(work, { isolationLevel: 'repeatable read', accessMode: 'read only' });

/** Where an order is or, deleted by now, was. Undefined where there never was one, or nobody noted its place. */
export const findPosition = async (tx: Transaction, id: string): Promise<Position | undefined> => {
  for (const table of [orders, deletedOrders]) {
    const [row] = await readRows<{ accepted_at: string | null }>(
      tx,
      sql`select ${table.acceptedAt} from ${table} where ${table.id} = ${id}`,
    );
    if (row) return row.accepted_at === null ? undefined : { acceptedAt: row.accepted_at, id };
  }
  return undefined;
};

const conditions = ({ status, customer_name }: OrderFilter): (SQL | undefined)[] => [
  // Not `=`: MariaDB would look that up by the status alone and read all of its orders up to where the page begins.
  status === undefined ? undefined : sql`${orders.status} >= ${status} and ${orders.status} <= ${status}`,
  customer_name === undefined
    ? undefined
    : like(orders.customerName, `${customer_name.replace(/[\\%_]/g, '\\$&')}%`),
];

/**
 * Up to `limit` orders that come after a place, read by the index. The bound on the place is one range of the
 * index for each half of it; it stands there for the first page too, which MariaDB otherwise sorts the table for.
 */
export const listPage = async (
  tx: Transaction,
  filter: OrderFilter,
  after: Position,
  limit: number,
): Promise<Page> => {
  const { acceptedAt, id } = orders;
  const isAfter = sql`(${acceptedAt} < ${after.acceptedAt} or (${acceptedAt} = ${after.acceptedAt} and ${id} < ${after.id}))`;
  // The status is the same in all rows; the index has it in front.
  const direction = sql`${filter.status === undefined ? sql`` : sql`${orders.status} desc, `}${acceptedAt} desc, ${id} desc`;
  const rows = await readRows<Omit<Order, 'items'> & { accepted_at: string }>(
    tx,
    sql`select ${id} as order_id, ${orders.customerName}, ${orders.status}, ${acceptedAt} from ${orders}
      where ${and(...conditions(filter), isAfter)} order by ${direction} limit ${limit + 1}`,
  );
  const end = rows.length > limit ? rows[limit - 1] : undefined;
  return {
    orders: await withItems(tx, rows.slice(0, limit)),
    end: end && { acceptedAt: end.accepted_at, id: end.order_id },
  };
};

const withItems = async (tx: Transaction, rows: Omit<Order, 'items'>[]): Promise<Order[]> => {
  if (rows.length === 0) return [];
  const found = new Map<string, Order>();
  for (const { order_id, customer_name, status } of rows)
    found.set(order_id, { order_id, customer_name, status, items: [] });
  const { orderId, itemName, quantity, id } = orderItems;
  const items = await readRows<OrderItem & { order_id: string }>(
    tx,
    // One parameter, which mysql2 writes out: a thousand of them would pass through the query builder one by one.
    sql`select ${orderId}, ${itemName} as name, ${quantity} from ${orderItems}
      where ${orderId} in (${sql.param([...found.keys()])}) order by ${orderId}, ${id}`,
  );
  for (const { order_id, name, quantity } of items) found.get(order_id)?.items.push({ name, quantity });
  return [...found.values()];
};

/** How many orders a filter lets through; every one of them is looked at. */
export const countMatching = async (tx: Transaction, filter: OrderFilter): Promise<number> => {
  const [row] = await readRows<{ total: number }>(
    tx,
    sql`select count(*) as total from ${orders} where ${and(...conditions(filter))}`,
  );
  return row?.total ?? 0;
};
