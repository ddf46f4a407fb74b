/** The list of orders, page by page: keyset pagination, the one accepted last first. */
import { and, type SQL, sql } from 'drizzle-orm';
import type { Order } from '../domain/order.ts';
import { orderTotal } from './counts.ts';
import { gatherItems, type ItemRow } from './listed.ts';
import { IS_READ_ONLY } from './read-only.ts';
import type { Reader } from './reader.ts';
import { deletedOrders, orderItems, orders } from './schema.ts';

/** Lets through the orders with this status, and whose customer's name begins so. Case and accents do not count. */
export interface OrderFilter {
  status?: string;
  customer_name?: string;
}

/** The place of an order in the list. `acceptedAt` is written as in the database, in UTC. */
export interface Position {
  acceptedAt: string;
  id: string;
}

/** The place before all orders. Its time is the greatest that the column holds. */
export const BEGINNING: Position = { acceptedAt: '9999-12-31 23:59:59.999', id: '' };

/**
 * How many items a part should have at the most, as the server sorts them. The size of a part is estimated from the
 * items of the part before it.
 */
const ITEMS_PER_PART = 50_000;
const ORDERS_PER_PART = 1_000;
/** How many orders the first part has, whatever is in them. */
export const FIRST_PART = 100;

/** What is known after all orders of a page have been read. */
export interface PageEnd {
  /** The place of the last order, undefined if no more follow. */
  end: Position | undefined;
  /** How many orders the filter lets through in all; undefined if nobody asked for that. */
  total: number | undefined;
  /** Whether the server that gave them is read-only (Said in read-only.ts). */
  isReadOnly: boolean;
}

/**
 * The place of an order, also of one that is deleted by now. Undefined if there never was such an order, or its place
 * was not noted.
 * @throws the database's error, or the signal's reason
 */
export const findPosition = async (reader: Reader, id: string): Promise<Position | undefined> => {
  for (const table of [orders, deletedOrders]) {
    const [row] = await reader.rows<{ accepted_at: string | null }>(
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

/**
 * A query for how many orders the filter lets through. It looks at each of them; without a filter it adds up counts.
 */
const totalOf = (filter: OrderFilter): SQL =>
  filter.status === undefined && filter.customer_name === undefined
    ? orderTotal
    : sql`select count(*) from ${orders} where ${and(...conditions(filter))}`;

/** Counts the orders that the filter lets through, one by one. @throws the database's error, or the signal's reason */
export const countOrders = async (reader: Reader, filter: OrderFilter): Promise<number> => {
  const [row] = await reader.rows<{ total: number }>(
    sql`select count(*) as total from ${orders} where ${and(sql`true`, ...conditions(filter))}`,
  );
  return Number(row?.total ?? 0);
};

/**
 * The part of a query that finds the orders after a place. Each half of the condition is a range of the index. It is
 * there for the first page too: without it MariaDB would sort the whole table.
 */
const following = (filter: OrderFilter, after: Position): SQL => {
  const { acceptedAt, id } = orders;
  const isAfter = sql`(${acceptedAt} < ${after.acceptedAt} or (${acceptedAt} = ${after.acceptedAt} and ${id} < ${after.id}))`;
  // The status is the same in all rows; the index has it in front.
  const direction = sql`${filter.status === undefined ? sql`` : sql`${orders.status} desc, `}${acceptedAt} desc, ${id} desc`;
  return sql`from ${orders} where ${and(...conditions(filter), isAfter)} order by ${direction}`;
};

/**
 * Finds the `end` that readPage() returns, without reading the orders.
 * @throws the database's error, or the signal's reason
 */
export const findEnd = async (
  reader: Reader,
  filter: OrderFilter,
  after: Position,
  limit: number,
): Promise<Position | undefined> => {
  const { acceptedAt, id } = orders;
  const [last, more] = await reader.rows<{ accepted_at: string; id: string }>(
    sql`select ${acceptedAt}, ${id} ${following(filter, after)} limit 2 offset ${limit - 1}`,
  );
  return last && more && { acceptedAt: last.accepted_at, id: last.id };
};

type Row = { total: number | null; is_read_only: number } & (
  | { order_id: null }
  | (ItemRow & { accepted_at: string })
);

/**
 * Reads up to `limit` orders that come after a place. It is one statement, which goes by the index, so that all orders
 * are as of the same moment. They are given as they arrive.
 * @param counted whether to count all orders that the filter lets through
 * @throws the database's error, or the signal's reason
 */
export async function* readPage(
  reader: Reader,
  filter: OrderFilter,
  after: Position,
  limit: number,
  counted = false,
): AsyncGenerator<Order[], PageEnd> {
  const { acceptedAt, id } = orders;
  const query = sql`select total, is_read_only, page.id as order_id, customer_name, status, accepted_at, item_name as name, quantity
      from (select (${counted ? totalOf(filter) : sql`null`}) as total, ${sql.raw(IS_READ_ONLY)} as is_read_only) as counted
      left join (
        select ${id}, ${orders.customerName}, ${orders.status}, ${acceptedAt} ${following(filter, after)} limit ${limit + 1}
      ) as page on true
      left join ${orderItems} on ${orderItems.orderId} = page.id
      order by accepted_at desc, page.id desc, ${orderItems.id}`;
  let found = 0;
  let total: number | undefined;
  let isReadOnly = false;
  let last: Position | undefined;
  let end: Position | undefined;
  const gathering = gatherItems();
  for await (const rows of reader.batches<Row>(query)) {
    const complete: Order[] = [];
    for (const row of rows) {
      if (counted) total ??= Number(row.total ?? 0);
      isReadOnly = row.is_read_only !== 0;
      // One order more is read, to learn whether there is a next page.
      if (row.order_id === null || end !== undefined) continue;
      if (row.order_id !== last?.id) {
        if (found === limit) {
          end = last;
          continue;
        }
        found++;
        last = { acceptedAt: row.accepted_at, id: row.order_id };
      }
      const order = gathering.add(row);
      if (order) complete.push(order);
    }
    if (complete.length > 0) yield complete;
  }
  const order = gathering.end();
  if (order) yield [order];
  return { end, total, isReadOnly };
}

/**
 * Does the same in as many statements as are needed to keep each short. All orders are as of the same moment only if
 * the reader is in a snapshot.
 */
export async function* readOrders(
  reader: Reader,
  filter: OrderFilter,
  after: Position,
  limit: number,
  counted = false,
): AsyncGenerator<Order[], PageEnd> {
  let total: number | undefined;
  let left = limit;
  let size = FIRST_PART;
  for (let place = after; ; ) {
    const part = readPage(reader, filter, place, Math.min(size, left), counted && total === undefined);
    let [found, items] = [0, 0];
    let next = await part.next();
    for (; !next.done; next = await part.next()) {
      found += next.value.length;
      for (const order of next.value) items += order.items.length;
      yield next.value;
    }
    const { end, isReadOnly } = next.value;
    total ??= next.value.total;
    left -= found;
    if (end === undefined || left === 0) return { end, total, isReadOnly };
    place = end;
    size = Math.max(1, Math.min(ORDERS_PER_PART, Math.floor((ITEMS_PER_PART * found) / Math.max(1, items))));
  }
}
