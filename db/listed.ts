/** The whole list of orders: which there are, and single ones of them. */
import { inArray, sql } from 'drizzle-orm';
import type { Order, OrderItem } from '../domain/order.ts';
import type { Reader } from './reader.ts';
import { orderItems, orders } from './schema.ts';

/**
 * An order of the list, and what tells whether it is still the same. A service that does not count versions may have
 * changed it, so there is a checksum of all that can change. Items never change.
 */
export interface ListedOrder {
  id: string;
  version: number;
  checksum: number;
}

/**
 * Tells which orders there are, in the order of the list.
 * @throws while it is iterated: the database's error, or the signal's reason
 */
export const readListed = (reader: Reader): AsyncGenerator<ListedOrder[], void> => {
  const { id, version, customerName, status, acceptedAt } = orders;
  return reader.batches<ListedOrder>(
    sql`select ${id}, ${version}, crc32(concat_ws(0x00, ${status}, ${customerName})) as checksum
      from ${orders} order by ${acceptedAt} desc, ${id} desc`,
  );
};

/** A row of a query for orders with their items; an order without items has one row. */
export type ItemRow = Omit<Order, 'items'> & (OrderItem | { name: null });

/** Makes orders of rows, in which those of one order follow each other. */
export const gatherItems = () => {
  let order: Order | undefined;
  return {
    /** Takes a row. @returns the order before it, if this row begins another one */
    add: (row: ItemRow): Order | undefined => {
      const { order_id, customer_name, status } = row;
      const before = order;
      if (order?.order_id !== order_id) order = { order_id, customer_name, status, items: [] };
      if (row.name !== null) order.items.push({ name: row.name, quantity: row.quantity });
      return order === before ? undefined : before;
    },
    /** The last order. */
    end: (): Order | undefined => order,
  };
};

const IDS_PER_STATEMENT = 500;

/**
 * Reads orders by their ids, in no particular order.
 * @throws while it is iterated: the database's error, or the signal's reason
 */
export async function* readByIds(reader: Reader, ids: string[]): AsyncGenerator<Order[], void> {
  const { id, customerName, status } = orders;
  const { itemName, quantity, orderId } = orderItems;
  for (let from = 0; from < ids.length; from += IDS_PER_STATEMENT) {
    const some = ids.slice(from, from + IDS_PER_STATEMENT);
    const query = sql`select ${id} as order_id, ${customerName}, ${status}, ${itemName} as name, ${quantity}
      from ${orders} left join ${orderItems} on ${orderId} = ${id}
      where ${inArray(id, some)} order by ${id}, ${orderItems.id}`;
    const gathering = gatherItems();
    for await (const rows of reader.batches<ItemRow>(query))
      yield rows.map(gathering.add).filter((order) => order !== undefined);
    const last = gathering.end();
    if (last) yield [last];
  }
}
