/**
 * The tables. `npm run migrate` gives a database these tables, whatever is in it (convergence.ts). They name their
 * character sets, as a database that others made may have another one by default.
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
import { jobStates } from '../domain/job-events.ts';
import { jobTypes } from '../domain/jobs.ts';

const text = customType<{ data: string; config: { length: number }; configRequired: true }>({
  dataType: ({ length }) => `varchar(${length}) character set utf8mb4 collate utf8mb4_unicode_520_ci`,
});
const uuid = customType<{ data: string }>({
  dataType: () => 'char(36) character set ascii collate ascii_bin',
});
/**
 * The id of a job, which another publisher may have given, so it may be any text. Unlike with names, case and accents
 * count: only spaces at the end do not.
 */
const jobId = customType<{ data: string }>({
  dataType: () => 'varchar(64) character set utf8mb4 collate utf8mb4_bin',
});

/** One of some words, which a person who asks the table can read. It takes a byte. */
const word = customType<{ data: string; config: { words: readonly string[] }; configRequired: true }>({
  dataType: ({ words }) =>
    `enum(${words.map((one) => `'${one}'`).join(',')}) character set ascii collate ascii_bin`,
});
const longText = customType<{ data: string }>({
  dataType: () => 'mediumtext character set utf8mb4 collate utf8mb4_bin',
});

export const orders = mysqlTable(
  'orders',
  {
    id: uuid().primaryKey(),
    customerName: text('customer_name', { length: 80 }).notNull(),
    status: text({ length: 20 }).notNull(),
    /** That of the newest write in this row; 0 if its publisher gave none. */
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

/** The items of orders. By the primary key those of an order lie together, so that a page finds them in few places. */
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
 * Tombstones of deleted orders. A job that comes again after its order was deleted finds the tombstone and does
 * nothing. `acceptedAt` is the order's, so that a page that begins after the order can still be found.
 */
export const deletedOrders = mysqlTable('deleted_orders', {
  id: uuid().primaryKey(),
  acceptedAt: datetime('accepted_at', { fsp: 3 }),
  deletedAt: datetime('deleted_at', { fsp: 3 }).notNull(),
});

/**
 * How often jobs were begun that the broker had delivered before. This tells a job that ends the process that takes it
 * from its innocent neighbours. The row is removed when its job is done.
 */
export const begunJobs = mysqlTable('begun_jobs', {
  jobId: jobId('job_id').primaryKey(),
  times: int().notNull(),
});

/**
 * The number of orders is the sum of `orders`. Each connection that inserts or deletes orders adds to a row of its own,
 * so that none waits for another's commit.
 */
export const orderCounts = mysqlTable('order_counts', {
  slot: int().primaryKey(),
  orders: bigint({ mode: 'number' }).notNull(),
});

/**
 * Has one row: what was accepted up to `at` is removed. A transaction that applies jobs holds a shared lock on the row,
 * and one that resets an exclusive lock for a moment. From then on older jobs are void and older orders count as
 * removed, while their rows are removed until `complete`.
 */
export const lastReset = mysqlTable('last_reset', {
  id: tinyint().primaryKey(),
  at: datetime({ fsp: 3 }).notNull(),
  complete: boolean().notNull().default(true),
});

/** What was done and not passed on yet: see journal.ts. */
export const orderJournal = mysqlTable(
  'order_journal',
  {
    seq: bigint({ mode: 'number', unsigned: true }).autoincrement().primaryKey(),
    at: datetime({ fsp: 3 }).notNull().default(sql`(utc_timestamp(3))`),
    projected: boolean().notNull().default(false),
    body: longText().notNull(),
  },
  (table) => [index('order_journal_projected').on(table.projected, table.seq)],
);

/**
 * What became of each job, as the hub learns it from the journal. One index serves pages and pruning, each of which
 * merges one list for each state.
 */
export const orderJobs = mysqlTable(
  'order_jobs',
  {
    jobId: jobId('job_id').primaryKey(),
    orderId: uuid('order_id').notNull(),
    type: word({ words: jobTypes }).notNull(),
    state: word({ words: jobStates }).notNull(),
    version: bigint({ mode: 'number', unsigned: true }).notNull(),
    attempts: int().notNull(),
    reason: jobId(),
    error: text({ length: 1000 }),
    acceptedAt: datetime('accepted_at', { fsp: 3 }),
    /** When the state began. */
    changedAt: datetime('changed_at', { fsp: 3 }).notNull(),
    requestId: jobId('request_id'),
  },
  (table) => [
    index('order_jobs_order').on(table.orderId, table.version, table.jobId),
    index('order_jobs_state').on(table.state, table.changedAt, table.jobId),
  ],
);

/** How new a replica is: see marks.ts. */
export const readMarks = mysqlTable('read_marks', {
  reader: uuid().primaryKey(),
  mark: bigint({ mode: 'number', unsigned: true }).notNull(),
  at: datetime({ fsp: 3 }).notNull(),
});

/** Each after those that it refers to. */
export const tables = [
  orders,
  orderItems,
  deletedOrders,
  begunJobs,
  orderCounts,
  lastReset,
  orderJournal,
  orderJobs,
  readMarks,
];
