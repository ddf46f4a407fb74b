/** The bytes of an answer to GET /orders, as the orders were at one moment. */
import type { Orm } from '../../db/client.ts';
import {
  BEGINNING,
  countOrders,
  FIRST_PART,
  findEnd,
  findPosition,
  type Position,
  readOrders,
  readPage,
} from '../../db/lists.ts';
import { openReader, type Reader } from '../../db/reader.ts';
import type { Order } from '../../domain/order.ts';
import { nextUrl, type PageQuery } from './query.ts';
import { createTurns } from './turns.ts';

const CHUNK_LENGTH = 65_536;
/** Of the ten connections that a process reads over: single orders are read over the others. */
const MOST_BUILDS = 5;

const headOf = (total: number | undefined): string =>
  `{${total === undefined ? '' : `"total_orders":${total},`}"orders":[`;

/** What follows the orders: `next` is a page's last member. */
const tailOf = (next: string | null | undefined): string =>
  next === undefined ? ']}' : `],"next":${JSON.stringify(next)}}`;

/** The members of a JSON array, without its brackets, in chunks; returns what the orders return in the end. */
async function* membersOf<End>(orders: AsyncGenerator<Order[], End>): AsyncGenerator<string, End> {
  let text = '';
  let isFirst = true;
  let next = await orders.next();
  for (; !next.done; next = await orders.next())
    for (const order of next.value) {
      text += isFirst ? JSON.stringify(order) : `,${JSON.stringify(order)}`;
      isFirst = false;
      if (text.length < CHUNK_LENGTH) continue;
      yield text;
      text = '';
    }
  if (text !== '') yield text;
  return next.value;
}

/** Keeps the orders, and counts them. */
async function* counted(orders: AsyncIterable<Order[]>): AsyncGenerator<Order[], number> {
  let count = 0;
  for await (const some of orders) {
    count += some.length;
    yield some;
  }
  return count;
}

/**
 * Makes answers from a database: of the page that is asked for, or of all orders where that is undefined. An answer
 * is undefined where the page is to follow an order that is not known. When the signal says so, work ends and the
 * database's with it.
 * @throws (what its functions return) the database's error, or the signal's reason
 */
export const listBuilder = (orm: Orm) => {
  const turns = createTurns(MOST_BUILDS);
  const positionOf = async (reader: Reader, page: PageQuery | undefined): Promise<Position | undefined> =>
    page?.after === undefined ? BEGINNING : findPosition(reader, page.after);

  const nextOf = (page: PageQuery, end: Position | undefined): string | null =>
    end === undefined ? null : nextUrl(page, end.id);

  return {
    /**
     * All bytes of an answer, never more of it than a chunk as rows, objects or text.
     * @param take is told of the length of each chunk, and may throw to end the work
     */
    build: async (
      page: PageQuery | undefined,
      signal: AbortSignal,
      take: (bytes: number) => void,
    ): Promise<Buffer[] | undefined> => {
      const giveTurnBack = await turns.take(signal);
      const reader = await openReader(orm, signal).catch((error) => {
        giveTurnBack();
        throw error;
      });
      try {
        const chunks: Buffer[] = [];
        const collect = async <End>(members: AsyncGenerator<string, End>): Promise<End> => {
          let next = await members.next();
          for (; !next.done; next = await members.next()) {
            const chunk = Buffer.from(next.value);
            take(chunk.length);
            chunks.push(chunk);
          }
          return next.value;
        };
        const wrapped = (head: string, tail: string) => [Buffer.from(head), ...chunks, Buffer.from(tail)];

        if (page === undefined) {
          await reader.beginSnapshot();
          const total = await collect(
            membersOf(counted(readOrders(reader, {}, BEGINNING, Number.POSITIVE_INFINITY))),
          );
          await reader.endSnapshot();
          return wrapped(headOf(total), tailOf(undefined));
        }
        const position = await positionOf(reader, page);
        if (position === undefined) return undefined;
        const { limit, count } = page;
        const isOnePart = limit <= FIRST_PART;
        if (!isOnePart) await reader.beginSnapshot();
        const read = isOnePart ? readPage : readOrders;
        const { end, total } = await collect(membersOf(read(reader, page, position, limit, count)));
        if (!isOnePart) await reader.endSnapshot();
        return wrapped(headOf(total), tailOf(nextOf(page, end)));
      } finally {
        reader.close();
        giveTurnBack();
      }
    },

    /**
     * An answer of any size, read as fast as its bytes are taken, and its next page. The signal has to be given in
     * the end where they may not be taken.
     */
    stream: async (page: PageQuery | undefined, signal: AbortSignal) => {
      const reader = await openReader(orm, signal);
      try {
        await reader.beginSnapshot();
        const position = await positionOf(reader, page);
        if (position === undefined) {
          await reader.endSnapshot();
          reader.close();
          return undefined;
        }
        const total = page === undefined || page.count ? await countOrders(reader, page ?? {}) : undefined;
        const next = page && nextOf(page, await findEnd(reader, page, position, page.limit));
        const chunks = async function* (): AsyncGenerator<Buffer, void> {
          try {
            yield Buffer.from(headOf(total));
            const orders = readOrders(reader, page ?? {}, position, page?.limit ?? Number.POSITIVE_INFINITY);
            for await (const text of membersOf(orders)) yield Buffer.from(text);
            yield Buffer.from(tailOf(next));
            await reader.endSnapshot();
          } finally {
            reader.close();
          }
        };
        return { next: next ?? undefined, chunks: chunks() };
      } catch (error) {
        reader.close();
        throw error;
      }
    },
  };
};
export type ListBuilder = ReturnType<typeof listBuilder>;
export type BuildList = ListBuilder['build'];
