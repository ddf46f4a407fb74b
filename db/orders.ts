/** What reads and writes orders. Nothing here decides what a job means: consumer/apply.ts does. */
import { eq, lte, sql } from 'drizzle-orm';
import { format } from 'mysql2';
import type { Order, OrderItem } from '../order.ts';
import type { Orm, Transaction } from './client.ts';
import { addToCount } from './counts.ts';
import { readRows } from './rows.ts';
import { deletedOrders, lastReset, orderItems, orders } from './schema.ts';

/** Rows of a multi-row INSERT at the most, to stay far below max_allowed_packet. */
const ROWS_PER_INSERT = 1_000;
const ORDERS_PER_DELETE = 5_000;

/** The order, or undefined. One row an item, so that an order and its items come from the same snapshot. */
export const findOrder = async (orm: Orm, id: string): Promise<Order | undefined> => {
  const { customerName, status } = orders;
  const { itemName, quantity } = orderItems;
  const rows = await readRows<Pick<Order, 'customer_name' | 'status'> & (OrderItem | { name: null })>(
    orm,
    sql`select ${customerName}, ${status}, ${itemName} as name, ${quantity}
      from ${orders} left join ${orderItems} on ${orderItems.orderId} = ${orders.id}
      where ${orders.id} = ${id} order by ${orderItems.id}`,
  );
  const [order] = rows;
  return (
    order && {
      order_id: id,
      customer_name: order.customer_name,
      status: order.status,
      items: rows.flatMap((row) => (row.name === null ? [] : [{ name: row.name, quantity: row.quantity }])),
    }
  );
};

export interface AcceptedOrder {
  order: Order;
  acceptedAt: Date;
  version: number;
}

/**
 * A statement with its values written into it: on the path of applying jobs an object per value, as drizzle-orm
 * makes, would be most of the work. mysql2 escapes them as it does its own parameters.
 */
const literal = (statement: string, values: Parameters<typeof format>[1]) =>
  sql.raw(format(statement, values, false, 'Z'));

const insertRows = (tx: Transaction, into: string, rows: (string | number | Date)[][]) =>
  tx.execute(literal(`INSERT INTO ${into} VALUES ?`, [rows]));

/** Inserts orders. @throws isDuplicate() where one exists already */
export const insertOrders = async (tx: Transaction, accepted: AcceptedOrder[]): Promise<void> => {
  await insertRows(
    tx,
    'orders (id, customer_name, status, version, accepted_at)',
    accepted.map(({ order, acceptedAt, version }) => [
      order.order_id,
      order.customer_name,
      order.status,
      version,
      acceptedAt,
    ]),
  );
  const items = accepted.flatMap(({ order }) =>
    order.items.map(({ name, quantity }) => [order.order_id, name, quantity]),
  );
  for (let i = 0; i < items.length; i += ROWS_PER_INSERT)
    await insertRows(tx, 'order_items (order_id, item_name, quantity)', items.slice(i, i + ROWS_PER_INSERT));
};

/** In a small table the optimizer would rather read all rows, and so wait for those that others have locked. */
const BY_KEY = 'FORCE INDEX (PRIMARY)';

export interface StatusChange {
  id: string;
  status: string;
  version: number;
}

/** Sets the status and the version of orders, in one statement. */
export const updateStatuses = async (tx: Transaction, changes: StatusChange[]): Promise<void> => {
  if (changes.length === 0) return;
  const cases = `CASE id ${'WHEN ? THEN ? '.repeat(changes.length)}END`;
  await tx.execute(
    literal(`UPDATE orders ${BY_KEY} SET status = ${cases}, version = ${cases} WHERE id IN (?)`, [
      ...changes.flatMap(({ id, status }) => [id, status]),
      ...changes.flatMap(({ id, version }) => [id, version]),
      changes.map(({ id }) => id),
    ]),
  );
};

/** Deletes orders and leaves their tombstones. */
export const deleteOrders = async (tx: Transaction, ids: string[]): Promise<void> => {
  if (ids.length === 0) return;
  await tx.execute(
    literal(
      'INSERT INTO deleted_orders (id, accepted_at, deleted_at) SELECT id, accepted_at, ? FROM orders WHERE id IN (?)',
      [new Date(), ids],
    ),
  );
  // By its name behind DELETE, where both MySQL and MariaDB take a hint.
  await tx.execute(literal(`DELETE orders FROM orders ${BY_KEY} WHERE id IN (?)`, [ids]));
};

/** Locks those of the orders that exist. @returns the versions of their newest writes */
export const lockOrders = async (tx: Transaction, ids: string[]): Promise<Map<string, number>> => {
  if (ids.length === 0) return new Map();
  const rows = await readRows<{ id: string; version: number }>(
    tx,
    literal(`SELECT id, version FROM orders ${BY_KEY} WHERE id IN (?) FOR UPDATE`, [ids]),
  );
  return new Map(rows.map(({ id, version }) => [id, version]));
};

/** Those of the orders that existed once and were deleted. */
export const findDeleted = async (orm: Orm | Transaction, ids: string[]): Promise<string[]> => {
  if (ids.length === 0) return [];
  const rows = await readRows<{ id: string }>(
    orm,
    literal('SELECT id FROM deleted_orders WHERE id IN (?)', [ids]),
  );
  return rows.map(({ id }) => id);
};

/** The version of the newest write to an order, 'deleted' where it existed once, or undefined. */
export const findVersion = async (orm: Orm, id: string): Promise<number | 'deleted' | undefined> => {
  const [order] = await orm.select({ version: orders.version }).from(orders).where(eq(orders.id, id));
  if (order) return order.version;
  return (await findDeleted(orm, [id])).length > 0 ? 'deleted' : undefined;
};

/**
 * When the orders were last reset. A transaction that applies a job calls this first: the shared lock makes a
 * reset wait for it. `LOCK IN SHARE MODE` is the form that MySQL and MariaDB both know.
 */
export const readLastReset = async (tx: Transaction): Promise<Date> => {
  const [row] = await tx
    .select({ at: sql`${lastReset.at}`.mapWith(lastReset.at) })
    .from(lastReset)
    .where(sql`${lastReset.id} = 1 lock in share mode`);
  if (!row) throw new Error('The table last_reset is empty: run the migrations.');
  return row.at;
};

/**
 * Removes every order accepted until now, in chunks so that no lock is held for long. Jobs accepted until now
 * that are applied later are void (readLastReset).
 */
export const resetOrders = async (orm: Orm): Promise<void> => {
  const at = new Date();
  await orm.update(lastReset).set({ at }).where(eq(lastReset.id, 1));
  const deleteOrders = () =>
    orm.transaction(async (tx) => {
      const [{ affectedRows }] = await tx
        .delete(orders)
        .where(lte(orders.acceptedAt, at))
        .limit(ORDERS_PER_DELETE);
      await addToCount(tx, -affectedRows);
      return affectedRows;
    });
  const deleteTombstones = async () => {
    const [{ affectedRows }] = await orm
      .delete(deletedOrders)
      .where(lte(deletedOrders.deletedAt, at))
      .limit(ORDERS_PER_DELETE);
    return affectedRows;
  };
  for (const deleteSome of [deleteOrders, deleteTombstones])
    while ((await deleteSome()) === ORDERS_PER_DELETE);
};
