/** The list of orders, page by page: keyset pagination, the one accepted last first. */
import { and, type SQL, sql } from 'drizzle-orm';
import type { Order, OrderItem } from '../order.ts';
import type { Orm, Transaction } from './client.ts';
import { orderTotal } from './counts.ts';
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
  /** How many orders there are in all, or that the filter lets through; undefined where nobody asked. */
  total: number | undefined;
}

/**
 * Runs `work` so that all it reads is of one moment: that of its first statement.
 * @throws the database's error, or what `work` throws
 */
export const inSnapshot = <T>(orm: Orm, work: (tx: Transaction) => Promise<T>): Promise<T> =>
  orm.transaction(work, { isolationLevel: 'repeatable read', accessMode: 'read only' });

/** Where an order is or, deleted by now, was. Undefined where there never was one, or nobody noted its place. */
export const findPosition = async (orm: Orm | Transaction, id: string): Promise<Position | undefined> => {
  for (const table of [orders, deletedOrders]) {
    const [row] = await readRows<{ accepted_at: string | null }>(
      orm,
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
    : // The backslash that LIKE escapes with is none where the server has NO_BACKSLASH_ESCAPES.
      sql`${orders.customerName} like ${`${customer_name.replace(/[|%_]/g, '|$&')}%`} escape '|'`,
];

/** Every order that the filter lets through is looked at; without a filter the counters say it. */
const totalOf = (filter: OrderFilter): SQL =>
  filter.status === undefined && filter.customer_name === undefined
    ? orderTotal
    : sql`select count(*) from ${orders} where ${and(...conditions(filter))}`;

type Row = { total: number | null } & (
  | { order_id: null }
  | (Omit<Order, 'items'> & { order_id: string; accepted_at: string; name: null })
  | (Omit<Order, 'items'> & { order_id: string; accepted_at: string } & OrderItem)
);

/**
 * Up to `limit` orders that come after a place, read by the index: one statement, so all of one moment. The bound on
 * the place is one range of the index for each half of it; it stands there for the first page too, which MariaDB
 * otherwise sorts the table for.
 * @param counted whether to tell how many there are in all
 */
export const listPage = async (
  orm: Orm | Transaction,
  filter: OrderFilter,
  after: Position,
  limit: number,
  counted = false,
): Promise<Page> => {
  const { acceptedAt, id } = orders;
  const isAfter = sql`(${acceptedAt} < ${after.acceptedAt} or (${acceptedAt} = ${after.acceptedAt} and ${id} < ${after.id}))`;
  // The status is the same in all rows; the index has it in front.
  const direction = sql`${filter.status === undefined ? sql`` : sql`${orders.status} desc, `}${acceptedAt} desc, ${id} desc`;
  const rows = await readRows<Row>(
    orm,
    sql`select total, page.id as order_id, customer_name, status, accepted_at, item_name as name, quantity
      from (select (${counted ? totalOf(filter) : sql`null`}) as total) as counted
      left join (
        select ${id}, ${orders.customerName}, ${orders.status}, ${acceptedAt} from ${orders}
        where ${and(...conditions(filter), isAfter)} order by ${direction} limit ${limit + 1}
      ) as page on true
      left join ${orderItems} on ${orderItems.orderId} = page.id
      order by accepted_at desc, page.id desc, ${orderItems.id}`,
  );
  const found: Order[] = [];
  let last: Position | undefined;
  let end: Position | undefined;
  for (const row of rows) {
    if (row.order_id === null) continue;
    const { order_id, customer_name, status } = row;
    let order = found.at(-1);
    if (order?.order_id !== order_id) {
      if (found.length === limit) {
        end = last;
        break;
      }
      order = { order_id, customer_name, status, items: [] };
      found.push(order);
      last = { acceptedAt: row.accepted_at, id: order_id };
    }
    if (row.name !== null) order.items.push({ name: row.name, quantity: row.quantity });
  }
  const [first] = rows;
  return { orders: found, end, total: counted ? Number(first?.total ?? 0) : undefined };
};
