/** The bytes of an answer to GET /orders, as the orders were at one moment. */
import type { Orm, Transaction } from '../db/client.ts';
import { BEGINNING, findPosition, inSnapshot, listPage, type Page } from '../db/lists.ts';
import type { Order } from '../order.ts';
import { nextUrl, type PageQuery } from './list-query.ts';

const ORDERS_PER_CHUNK = 1_000;

/** The members of a JSON array, without its brackets. */
const membersOf = (orders: Order[]): string => JSON.stringify(orders).slice(1, -1);

/**
 * All orders, `{total_orders, orders}`: turned into bytes as they come, so that never more than a chunk of them are
 * objects. Waiting for the next chunk lets others have their turn.
 */
const buildWhole = async (tx: Transaction, signal: AbortSignal): Promise<Buffer[]> => {
  const chunks: Buffer[] = [];
  let total = 0;
  let page: Page;
  for (let after = BEGINNING; ; after = page.end) {
    page = await listPage(tx, {}, after, ORDERS_PER_CHUNK);
    signal.throwIfAborted();
    chunks.push(Buffer.from(`${total > 0 ? ',' : ''}${membersOf(page.orders)}`));
    total += page.orders.length;
    if (page.end === undefined) break;
  }
  return [Buffer.from(`{"total_orders":${total},"orders":[`), ...chunks, Buffer.from(']}')];
};

/** `{total_orders?, orders, next}` */
const buildPage = async (orm: Orm, query: PageQuery): Promise<Buffer[] | undefined> => {
  const { limit, after, count } = query;
  const position = after === undefined ? BEGINNING : await findPosition(orm, after);
  if (position === undefined) return undefined;
  const { orders, end, total } = await listPage(orm, query, position, limit, count);
  const next = end === undefined ? null : nextUrl(query, end.id);
  const head = total === undefined ? '' : `"total_orders":${total},`;
  return [Buffer.from(`{${head}"orders":[${membersOf(orders)}],"next":${JSON.stringify(next)}}`)];
};

/**
 * Makes answers from a database: of the page that is asked for, or of all orders where that is undefined. The signal
 * ends the work where nobody waits for it any more. An answer is undefined where the page is to follow an order that
 * is not known.
 * @throws (what it returns) the database's error, or the signal's
 */
export const listBuilder =
  (orm: Orm) =>
  (page: PageQuery | undefined, signal: AbortSignal): Promise<Buffer[] | undefined> =>
    page === undefined ? inSnapshot(orm, (tx) => buildWhole(tx, signal)) : buildPage(orm, page);
export type BuildList = ReturnType<typeof listBuilder>;
