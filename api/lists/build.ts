/** Makes the bytes of an answer to GET /orders, with the orders as they were at one moment. */
import type { Database } from '../../db/client.ts';
import { isSystemFailure } from '../../db/errors.ts';
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
import { hasReadOnlyServer, type Said } from '../../db/read-only.ts';
import { openReader, type Reader } from '../../db/reader.ts';
import { readAgainIfDead } from '../../db/reads.ts';
import type { Order } from '../../domain/order.ts';
import { CHUNK_LENGTH, headOf, tailOf } from './answer.ts';
import { nextUrl, type PageQuery } from './query.ts';
import { createTurns } from './turns.ts';
import { type Before, makeWhole, type Places } from './whole.ts';

interface Built {
  /** The body in chunks. */
  chunks: Buffer[];
  /** Where the orders of a whole list are, once the chunks are joined. */
  places?: Places;
}

/** Writes orders as the members of a JSON array, without its brackets, in chunks. Returns what `orders` returns. */
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

/**
 * Makes answers from a database: the page that is asked for, or all orders if `page` is undefined. The answer is
 * undefined if the page is to follow an order that is not known. If the signal is aborted, the work ends, and the
 * database's work for it ends too.
 * @param most how many answers are made at a time
 * @returns functions that throw the database's error, or the signal's reason
 */
export const listBuilder = (database: Pick<Database, 'orm' | 'latest' | 'replica'>, most: number) => {
  const { orm, replica } = database;
  const turns = createTurns(most);
  const positionOf = async (reader: Reader, page: PageQuery | undefined): Promise<Position | undefined> =>
    page?.after === undefined ? BEGINNING : findPosition(reader, page.after);

  const nextOf = (page: PageQuery, end: Position | undefined): string | null =>
    end === undefined ? null : nextUrl(page, end.id);

  /** Makes all bytes of an answer over one connection, and closes it. */
  const buildOver = async (
    reader: Reader,
    page: PageQuery | undefined,
    take: (bytes: number) => void,
    before: Before | undefined,
  ): Promise<Said<Built | undefined>> => {
    try {
      if (page === undefined) {
        const { isReadOnly, ...value } = await makeWhole(reader, before, take);
        return { value, isReadOnly };
      }
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
      const position = await positionOf(reader, page);
      if (position === undefined) return { value: undefined, isReadOnly: await hasReadOnlyServer(reader) };
      const { limit, count } = page;
      const isOnePart = limit <= FIRST_PART;
      if (!isOnePart) await reader.beginSnapshot();
      const read = isOnePart ? readPage : readOrders;
      const last = await collect(membersOf(read(reader, page, position, limit, count)));
      await reader.endSnapshot();
      const [head, tail] = [headOf(last.total), tailOf(nextOf(page, last.end))];
      const value = { chunks: [Buffer.from(head), ...chunks, Buffer.from(tail)] };
      return { value, isReadOnly: last.isReadOnly };
    } finally {
      reader.close();
    }
  };

  /**
   * Does with the replica what can be done with it.
   * @returns undefined if the primary has to be asked: also if the replica does not know the order that the page is to
   *   follow
   * @throws the signal's reason, and whatever is not the replica's fault
   */
  const ofReplica = async <T>(
    since: number,
    signal: AbortSignal,
    work: (reader: Reader, upTo: number) => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    try {
      const opened = await replica?.openReader(since, signal);
      return opened && (await work(opened.reader, opened.upTo));
    } catch (error) {
      signal.throwIfAborted();
      if (!isSystemFailure(error)) throw error;
      return undefined;
    }
  };

  /** Takes a connection to the server that has the name now. */
  const openLatest = async (signal: AbortSignal): Promise<Reader> => {
    const opened: Reader[] = [];
    const { value } = await database.latest(async () => {
      const reader = await openReader(orm, signal);
      opened.push(reader);
      return { value: reader, isReadOnly: await hasReadOnlyServer(reader) };
    });
    for (const reader of opened) if (reader !== value) reader.close();
    return value;
  };

  /** Reads what is known of an answer before its orders. The reader is closed with them, or if there are none. */
  const beginStream = async (reader: Reader, page: PageQuery | undefined) => {
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
  };

  return {
    /**
     * Makes all bytes of an answer. No more than one chunk of it is ever in memory as orders or text; of the whole list
     * there is a row for each order beside that, which `take` is told of.
     * @param take is called with how much memory is needed in bytes, again and again, and may throw to end the work
     * @param since the answer misses nothing that was committed before, as performance.now()
     * @param before a whole list that is known, of any age: the next one is made from it
     * @returns the answer; if its server is read-only it is not to be kept. If it may miss what was committed
     *   before this was called, `upTo` is the time up to which it does not
     */
    build: async (
      page: PageQuery | undefined,
      signal: AbortSignal,
      take: (bytes: number) => void,
      since: number,
      before?: Before,
    ): Promise<Said<Built | undefined> & { upTo?: number }> => {
      const giveTurnBack = await turns.take(signal);
      try {
        const replicated = await ofReplica(since, signal, async (reader, upTo) => {
          const { value } = await buildOver(reader, page, take, before);
          return value && { value, isReadOnly: false, upTo };
        });
        if (replicated) return replicated;
        return await database.latest(async () =>
          buildOver(await openReader(orm, signal), page, take, before),
        );
      } finally {
        giveTurnBack();
      }
    },

    /**
     * Reads an answer of any size, as fast as its chunks are taken. A caller that may not take all of them has to abort
     * the signal in the end, or the connection to the database stays occupied.
     * @returns the URL of the next page, undefined if there is none, and the chunks
     */
    stream: async (page: PageQuery | undefined, signal: AbortSignal) =>
      (await ofReplica(performance.now(), signal, (reader) => beginStream(reader, page))) ??
      readAgainIfDead(async () => beginStream(await openLatest(signal), page)),
  };
};
export type ListBuilder = ReturnType<typeof listBuilder>;
export type BuildList = ListBuilder['build'];
