/** Reads and writes orders. Nothing here decides what a job means; domain/plan.ts does. */
import { sql } from 'drizzle-orm';
import type { Order, OrderItem } from '../domain/order.ts';
import type { AcceptedOrder, Changes, Deletion, StatusChange } from '../domain/plan.ts';
import { addToCount } from './counts.ts';
import { type Written, writeJournal } from './journal.ts';
import { format } from './literals.ts';
import type { Orm, Transaction } from './pool.ts';
import { IS_READ_ONLY, type Said } from './read-only.ts';
import { resetVersion } from './resets.ts';
import { readRows } from './rows.ts';
import { deletedOrders, orders } from './schema.ts';
import { bytesAtOnce, inserts, MODEST_BYTES, partsOf, row, runAll } from './statements.ts';
import { NOW } from './time.ts';

/** How many bytes an id takes, with quotes and a comma, in a statement that has it twice. */
const ID_BYTES = 2 * 40;
/** How many bytes a changed status takes in a statement at the most, that is in hexadecimal. */
const CHANGE_BYTES = 400;

/** @param said what the server says of itself. There is always a row, so it does so also if it has no such order */
const selectOrder = (said: string) =>
  `SELECT customer_name, status, item_name AS name, quantity, ${said} AS said
   FROM (SELECT 1 AS one) AS one LEFT JOIN orders ON orders.id = ?
   LEFT JOIN order_items ON order_items.order_id = orders.id ORDER BY order_items.id`;
const SELECT_ORDER = selectOrder(IS_READ_ONLY);

type OrderRow = { said: number | null } & (
  | { customer_name: null }
  | (Pick<Order, 'customer_name' | 'status'> & (OrderItem | { name: null }))
);

/** Runs such a statement, prepared. */
const readOrder = async (orm: Orm, select: string, id: string) => {
  const [found] = await orm.$client.execute(select, [id]);
  const rows = found as OrderRow[];
  const [order] = rows;
  const said = order?.said ?? null;
  if (!order || order.customer_name === null) return { order: undefined, said };
  const { customer_name, status } = order;
  const items = rows.flatMap((row) =>
    row.customer_name === null || row.name === null ? [] : [{ name: row.name, quantity: row.quantity }],
  );
  return { order: { order_id: id, customer_name, status, items }, said };
};

/**
 * Finds an order; undefined if there is none. One statement reads it with its items, a row for each, so that they are
 * as of the same moment. It is prepared, as it is asked for more often than anything else.
 * @throws the database's error
 */
export const findOrder = async (orm: Orm, id: string): Promise<Said<Order | undefined>> => {
  const { order, said } = await readOrder(orm, SELECT_ORDER, id);
  return { value: order, isReadOnly: said !== 0 };
};

/**
 * Finds an order in a replica, and in the same statement how new that is.
 * @param newest a query for its newest mark (marks.ts)
 * @throws the database's error
 */
export const findMarkedOrder = async (
  orm: Orm,
  id: string,
  newest: string,
): Promise<{ order: Order | undefined; mark: number | null }> => {
  const { order, said } = await readOrder(orm, selectOrder(newest), id);
  return { order, mark: said };
};

/**
 * The statements that insert orders. They fail with isDuplicate() if one exists already.
 * @param maxBytes how long a statement may be
 * @throws StatementTooLarge
 */
export const insertOrders = (accepted: AcceptedOrder[], maxBytes = MODEST_BYTES): string[] => {
  if (accepted.length === 0) return [];
  const orders = accepted.map(({ order, acceptedAt, version }) =>
    row([order.order_id, order.customer_name, order.status, version, acceptedAt]),
  );
  const items = accepted.flatMap(({ order }) =>
    order.items.map(({ name, quantity }) => row([order.order_id, name, quantity])),
  );
  return [
    ...inserts(
      'INSERT INTO orders (id, customer_name, status, version, accepted_at) VALUES ',
      orders,
      maxBytes,
    ),
    ...inserts('INSERT INTO order_items (order_id, item_name, quantity) VALUES ', items, maxBytes),
  ];
};

/** A hint: in a small table the optimizer would read all rows, and so wait for those that others have locked. */
const BY_KEY = 'FORCE INDEX (PRIMARY)';

/** The statements that set the status and the version of orders. */
const updateStatuses = (changes: StatusChange[], maxBytes: number): string[] =>
  partsOf(changes, CHANGE_BYTES, maxBytes).map(updateSome);
const updateSome = (changes: StatusChange[]): string => {
  const cases = `CASE id ${'WHEN ? THEN ? '.repeat(changes.length)}END`;
  return format(`UPDATE orders ${BY_KEY} SET status = ${cases}, version = ${cases} WHERE id IN (?)`, [
    ...changes.flatMap(({ id, status }) => [id, status]),
    ...changes.flatMap(({ id, version }) => [id, version]),
    changes.map(({ id }) => id),
  ]);
};

const deleteRows = (ids: string[], maxBytes: number): string[] =>
  // By its name behind DELETE, where both MySQL and MariaDB take a hint.
  partsOf(ids, ID_BYTES, maxBytes).map((some) =>
    format(`DELETE orders FROM orders ${BY_KEY} WHERE id IN (?)`, [some]),
  );

/** The statements that put up tombstones of orders. One from before a reset may still be there. */
const buryOrders = (deletions: Deletion[], maxBytes: number): string[] =>
  partsOf(deletions, CHANGE_BYTES, maxBytes).map((some) =>
    format(
      `INSERT INTO deleted_orders (id, accepted_at, deleted_at)
       SELECT id, accepted_at, CASE id ${'WHEN ? THEN ? '.repeat(some.length)}END FROM orders WHERE id IN (?)
       ON DUPLICATE KEY UPDATE accepted_at = VALUES(accepted_at), deleted_at = VALUES(deleted_at)`,
      [...some.flatMap(({ id, at }) => [id, at]), some.map(({ id }) => id)],
    ),
  );

/** The statements that delete orders and put up their tombstones. */
const deleteOrders = (deletions: Deletion[], maxBytes: number): string[] => [
  ...buryOrders(deletions, maxBytes),
  ...deleteRows(
    deletions.map(({ id }) => id),
    maxBytes,
  ),
];

/** The statements that find the tombstones of orders: rows of `id` and `deleted_at`. */
const selectDeleted = (ids: string[], maxBytes = MODEST_BYTES): string[] =>
  partsOf(ids, ID_BYTES, maxBytes).map((some) =>
    format('SELECT id, deleted_at FROM deleted_orders WHERE id IN (?)', [some]),
  );

/** A time as a DATETIME(3) is written. Compared as texts, the later one is the greater. */
type Datetime = string;

/** The ids of orders from their tombstones. @param resetAt the time of the last reset; older tombstones do not count */
const idsOf = (rows: unknown, resetAt: Datetime): string[] =>
  (rows as { id: string; deleted_at: Datetime }[])
    .filter(({ deleted_at }) => deleted_at > resetAt)
    .map(({ id }) => id);

/** What has to be known of orders before jobs are applied to them. */
export interface Before {
  /** The version of the last reset: jobs of it or of an older one are void. 0 if there was none. */
  lastReset: number;
  resetAt: Datetime;
  /** The orders that exist, with the version of the newest write to each. They are locked. */
  versions: Map<string, number>;
  /** The orders that count as removed, as a reset will remove their rows. They are locked. */
  remnants: Set<string>;
  /** The orders that existed once and were deleted. */
  deleted: string[];
  /** Whose times are ahead of any clock, and so are ignored: the reset's, and those of orders. */
  ahead: { lastReset: boolean; orders: string[] };
  /** How many bytes may be sent at once, by the limit of this server. After a failover it may be another. */
  maxBytes: number;
}

const NEVER: Datetime = '1970-01-01 00:00:00.000';

/**
 * Reads what has to be known before jobs are applied, in one round trip. It has to be the first step of the
 * transaction: from then on this holds a shared lock on `last_reset`, so that a reset waits. `LOCK IN SHARE MODE` is
 * the form that both MySQL and MariaDB know.
 * @param ids of the orders that the jobs are about
 * @param latestAt returns the greatest version that can be at a time of MySQL's, in microseconds since 1970
 * @throws the database's error
 */
export const readBefore = async (
  tx: Transaction,
  ids: string[],
  latestAt: (now: number) => number,
): Promise<Before> => {
  const locking = partsOf(ids, ID_BYTES, MODEST_BYTES).map((some) =>
    format(`SELECT id, version, accepted_at FROM orders ${BY_KEY} WHERE id IN (?) FOR UPDATE`, [some]),
  );
  const [resets, ...answers] = await runAll(tx, [
    `SELECT at, ${NOW} AS now, @@max_allowed_packet AS max_packet
     FROM last_reset WHERE id = 1 LOCK IN SHARE MODE`,
    ...locking,
    // After the locks, so that a delete they waited for is seen.
    ...selectDeleted(ids),
  ]);
  const [reset] = resets as { at: Datetime; now: number; max_packet: number }[];
  if (!reset) throw new Error('The table last_reset is empty: run the migrations.');
  const existing = answers.slice(0, locking.length).flat() as ExistingOrder[];
  const deleted = answers.slice(locking.length).flat();

  const latest = latestAt(reset.now);
  const found = resetVersion(reset.at);
  const isAhead = found > latest;
  const resetAt = isAhead ? NEVER : reset.at;
  const before: Before = {
    lastReset: isAhead ? 0 : found,
    resetAt,
    versions: new Map(),
    remnants: new Set(),
    deleted: idsOf(deleted, resetAt),
    ahead: { lastReset: isAhead, orders: [] },
    maxBytes: bytesAtOnce(reset.max_packet),
  };
  for (const { id, version, accepted_at } of existing) {
    if (before.lastReset > 0 && accepted_at <= resetAt) before.remnants.add(id);
    else before.versions.set(id, version <= latest ? version : 0);
    if (version > latest) before.ahead.orders.push(id);
  }
  return before;
};
interface ExistingOrder {
  id: string;
  version: number;
  accepted_at: Datetime;
}

/**
 * Inserts, updates and deletes orders, in as few round trips as the length of the statements allows.
 * @param before what readBefore() found
 * @param journal what happens to the jobs
 * @returns the ids of inserted orders that had been deleted before
 * @throws the database's error, for which isDuplicate() holds if an inserted order exists already; StatementTooLarge
 */
export const changeOrders = async (
  tx: Transaction,
  { inserts, updates, deletes }: Changes,
  { remnants, resetAt, maxBytes }: Pick<Before, 'remnants' | 'resetAt' | 'maxBytes'>,
  journal: Written[],
): Promise<string[]> => {
  const ids = inserts.map(({ order }) => order.order_id);
  const replaced = ids.filter((id) => remnants.has(id));
  const inserting = [...deleteRows(replaced, maxBytes), ...insertOrders(inserts, maxBytes)];
  // Asked after the insert, which waits for a delete that is being committed.
  const asking = selectDeleted(ids, maxBytes);
  const results = await runAll(
    tx,
    [
      ...inserting,
      ...asking,
      ...updateStatuses(updates, maxBytes),
      ...deleteOrders(deletes, maxBytes),
      ...writeJournal(journal, maxBytes),
      ...addToCount(inserts.length - replaced.length - deletes.length),
    ],
    maxBytes,
  );
  return idsOf(results.slice(inserting.length, inserting.length + asking.length).flat(), resetAt);
};

/**
 * The version of the newest write to an order, 'deleted' if it was deleted, or undefined if it never existed.
 * @throws the database's error
 */
export const findVersion = async (orm: Orm, id: string): Promise<number | 'deleted' | undefined> => {
  const [order] = await readRows<{ version: number }>(
    orm,
    sql`select ${orders.version} from ${orders} where ${orders.id} = ${id}`,
  );
  if (order) return order.version;
  const deleted = await readRows(
    orm,
    sql`select ${deletedOrders.id} from ${deletedOrders} where ${deletedOrders.id} = ${id}`,
  );
  return deleted.length > 0 ? 'deleted' : undefined;
};
