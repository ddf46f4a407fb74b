/**
 * The tables. `npm run migrate` makes a database so, whatever it is (convergence.ts). Character sets are named here
 * because a database made by others may default to another.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  datetime,
  index,
  int,
  mysqlTable,
  primaryKey,
  tinyint,
} from 'drizzle-orm/mysql-core';

const text = customType<{ data: string; config: { length: number }; configRequired: true }>({
  dataType: ({ length }) => `varchar(${length}) character set utf8mb4 collate utf8mb4_unicode_520_ci`,
});
const uuid = customType<{ data: string }>({
  dataType: () => 'char(36) character set ascii collate ascii_bin',
});
/** Of whatever publisher, so any text; unlike names, no two that differ by more than spaces at the end are the same. */
const jobId = customType<{ data: string }>({
  dataType: () => 'varchar(64) character set utf8mb4 collate utf8mb4_bin',
});

export const orders = mysqlTable(
  'orders',
  {
    id: uuid().primaryKey(),
    customerName: text('customer_name', { length: 80 }).notNull(),
    status: text({ length: 20 }).notNull(),
    /** Of the newest write that is in this row; 0 where its publisher gave none. */
    version: bigint({ mode: 'number', unsigned: true }).notNull().default(0),
    /** By MySQL's clock where another program inserts an order and does not know this column. */
    acceptedAt: datetime('accepted_at', { fsp: 3 }).notNull().default(sql`(utc_timestamp(3))`),
  },
  (table) => [
    index('orders_newest').on(table.acceptedAt, table.id),
    index('orders_status').on(table.status, table.acceptedAt, table.id),
    index('orders_customer').on(table.customerName, table.acceptedAt, table.id),
  ],
);

/** An order's items in the order of their ids: together in the table, so that a page finds them in few places. */
export const orderItems = mysqlTable(
  'order_items',
  {
    id: bigint({ mode: 'number', unsigned: true }).autoincrement().notNull(),
    orderId: uuid('order_id')
      .notNull()
      .references(() => orders.id, { onDelete: 'cascade' }),
    itemName: text('item_name', { length: 80 }).notNull(),
    quantity: int().notNull(),
  },
  (table) => [primaryKey({ columns: [table.orderId, table.id] }), index('order_items_id').on(table.id)],
);

/**
 * Tombstones: a job that comes again after its order was deleted finds it here and does nothing. When the order was
 * accepted is known here too, so that a page that begins after it can still be found.
 */
export const deletedOrders = mysqlTable('deleted_orders', {
  id: uuid().primaryKey(),
  acceptedAt: datetime('accepted_at', { fsp: 3 }),
  deletedAt: datetime('deleted_at', { fsp: 3 }).notNull(),
});

/**
 * How often a job was begun that the broker had delivered before: a job that ends the process that takes it is
 * told from its innocent neighbours by this. Rows are removed when their job is done.
 */
export const begunJobs = mysqlTable('begun_jobs', {
  jobId: jobId('job_id').primaryKey(),
  times: int().notNull(),
});

/**
 * The number of orders is the sum of `orders`. Whoever inserts or deletes orders adds to a row of its own, so that
 * nobody waits for another's commit.
 */
export const orderCounts = mysqlTable('order_counts', {
  slot: int().primaryKey(),
  orders: bigint({ mode: 'number' }).notNull(),
});

/**
 * One row: what was accepted up to `at` is gone. Whoever applies a job holds a shared lock on it, whoever resets an
 * exclusive one for a moment: from then on such jobs are void and such orders do not exist, though their rows are still
 * being removed until `complete`.
 */
export const lastReset = mysqlTable('last_reset', {
  id: tinyint().primaryKey(),
  at: datetime({ fsp: 3 }).notNull(),
  complete: boolean().notNull().default(true),
});

/** Each after those that it refers to. */
export const tables = [orders, orderItems, deletedOrders, begunJobs, orderCounts, lastReset];
