/** What reads and writes orders. Nothing here decides what a job means: consumer/apply.ts does. */
import { and, eq, lt, lte, sql } from 'drizzle-orm';
import type { Order } from '../order.ts';
import type { Orm, Transaction } from './client.ts';
import { addToCount } from './counts.ts';
import { begunJobs, deletedOrders, lastReset, orderItems, orders } from './schema.ts';

/** Rows of a multi-row INSERT at the most, to stay far below max_allowed_packet. */
const ROWS_PER_INSERT = 1_000;
const ORDERS_PER_DELETE = 5_000;

/** One row an item, so that an order and its items come from the same snapshot in one statement. */
const selectOrders = (orm: Orm) =>
  orm
    .select({
      id: orders.id,
      customerName: orders.customerName,
      status: orders.status,
      version: orders.version,
      itemName: orderItems.itemName,
      quantity: orderItems.quantity,
    })
    .from(orders)
    .innerJoin(orderItems, eq(orderItems.orderId, orders.id));

type Row = Awaited<ReturnType<typeof selectOrders>>[number];

/** Rows of one order follow each other. */
const collect = (rows: Row[]): Order[] => {
  const found: Order[] = [];
  for (const { id, customerName, status, itemName, quantity } of rows) {
    const item = { name: itemName, quantity };
    const last = found.at(-1);
    if (last?.order_id === id) last.items.push(item);
    else found.push({ order_id: id, customer_name: customerName, status, items: [item] });
  }
  return found;
};

/** The order and the version of its newest write, or undefined. */
export const findOrder = async (
  orm: Orm,
  id: string,
): Promise<{ order: Order; version: number } | undefined> => {
  const rows = await selectOrders(orm).where(eq(orders.id, id)).orderBy(orderItems.id);
  const [order] = collect(rows);
  return order && { order, version: rows[0]?.version ?? 0 };
};

export interface AcceptedOrder {
  order: Order;
  acceptedAt: Date;
  version: number;
}

/** Inserts orders. @throws isDuplicate() where one exists already */
export const insertOrders = async (tx: Transaction, accepted: AcceptedOrder[]): Promise<void> => {
  const items = accepted.flatMap(({ order }) =>
    order.items.map((item) => ({ orderId: order.order_id, itemName: item.name, quantity: item.quantity })),
  );
  await tx.insert(orders).values(
    accepted.map(({ order, acceptedAt, version }) => ({
      id: order.order_id,
      customerName: order.customer_name,
      status: order.status,
      version,
      acceptedAt,
    })),
  );
  for (let i = 0; i < items.length; i += ROWS_PER_INSERT)
    await tx.insert(orderItems).values(items.slice(i, i + ROWS_PER_INSERT));
};

/**
 * Sets the status unless the order has a newer write; without a version, whatever it has. Whether it was set.
 * mysql2 counts the rows that matched, also those that stay the same.
 */
export const updateStatus = async (
  tx: Transaction,
  id: string,
  status: string,
  version?: number,
): Promise<boolean> => {
  const [{ affectedRows }] =
    version === undefined
      ? await tx.update(orders).set({ status }).where(eq(orders.id, id))
      : await tx
          .update(orders)
          .set({ status, version })
          .where(and(eq(orders.id, id), lt(orders.version, version)));
  return affectedRows > 0;
};

/** Deletes an order, whatever its version, and leaves its tombstone. Whether there was such an order. */
export const deleteOrder = async (tx: Transaction, id: string): Promise<boolean> => {
  const [{ affectedRows }] = await tx.delete(orders).where(eq(orders.id, id));
  if (affectedRows > 0)
    await tx
      .insert(deletedOrders)
      .values({ id, deletedAt: new Date() })
      .onDuplicateKeyUpdate({ set: { id } });
  return affectedRows > 0;
};

/** The version of the newest write to an order, 'deleted' where it existed once, or undefined. */
export const findVersion = async (
  orm: Orm | Transaction,
  id: string,
): Promise<number | 'deleted' | undefined> => {
  const [order] = await orm.select({ version: orders.version }).from(orders).where(eq(orders.id, id));
  if (order) return order.version;
  return (await wasDeleted(orm, id)) ? 'deleted' : undefined;
};

/** Whether the order existed once and was deleted. */
export const wasDeleted = async (orm: Orm | Transaction, id: string): Promise<boolean> =>
  (await orm.select({ id: deletedOrders.id }).from(deletedOrders).where(eq(deletedOrders.id, id))).length > 0;

/** Counts that a job is begun once more. @returns how often it was begun by now */
export const countBegin = async (orm: Orm, jobId: string): Promise<number> => {
  await orm
    .insert(begunJobs)
    .values({ jobId, times: 1 })
    .onDuplicateKeyUpdate({ set: { times: sql`${begunJobs.times} + 1` } });
  const [row] = await orm
    .select({ times: begunJobs.times })
    .from(begunJobs)
    .where(eq(begunJobs.jobId, jobId));
  return row?.times ?? 1;
};

/** Forgets how often a job was begun. */
export const forgetBegin = async (orm: Orm, jobId: string): Promise<void> => {
  await orm.delete(begunJobs).where(eq(begunJobs.jobId, jobId));
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
