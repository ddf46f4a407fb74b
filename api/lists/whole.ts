/**
 * Makes the whole list from the one before: MySQL tells which orders there are and which have changed, and only these
 * are read. The others are taken from the bytes of the list before. Under constant writes the list is made anew several
 * times a second, and most of its orders are the same each time.
 */
import { type ListedOrder, readByIds, readListed } from '../../db/listed.ts';
import { BEGINNING, readOrders } from '../../db/lists.ts';
import { hasReadOnlyServer } from '../../db/read-only.ts';
import type { Reader } from '../../db/reader.ts';
import type { Order } from '../../domain/order.ts';
import { CHUNK_LENGTH, headOf, tailOf } from './answer.ts';

/** Where the orders of a list are in its bytes, and what they were like. */
export interface Places {
  /** The number of each order in the arrays, by its id. */
  numbers: ReadonlyMap<string, number>;
  versions: Float64Array;
  checksums: Uint32Array;
  /** Where each order begins. A comma follows it; the last number is where another order would begin. */
  starts: Uint32Array;
}
/** A list from which the next one can be made. */
export interface Before {
  body: Buffer;
  places: Places;
}

/** About how much memory a place takes, with the id. */
export const BYTES_PER_PLACE = 120;
/** About how much memory places take. */
export const bytesOf = ({ numbers }: Places): number => numbers.size * BYTES_PER_PLACE;

const COMMA = Buffer.from(',');

/** Bytes, and the part of them that is meant. */
interface Piece {
  of: Buffer;
  start: number;
  end: number;
}

/** Makes JSON of orders, each followed by a comma. @param take is called with the length of what was made, in bytes */
const piecesOf = async (
  orders: AsyncGenerator<Order[], unknown>,
  take: (bytes: number) => void,
): Promise<Map<string, Piece>> => {
  const pieces = new Map<string, Piece>();
  let text = '';
  let waiting: { id: string; length: number }[] = [];
  const flush = () => {
    const of = Buffer.from(text);
    take(of.length);
    let start = 0;
    for (const { id, length } of waiting) {
      pieces.set(id, { of, start, end: start + length });
      start += length + COMMA.length;
    }
    text = '';
    waiting = [];
  };
  for await (const some of orders)
    for (const order of some) {
      const json = JSON.stringify(order);
      text += `${json},`;
      waiting.push({ id: order.order_id, length: Buffer.byteLength(json) });
      if (text.length >= CHUNK_LENGTH) flush();
    }
  flush();
  return pieces;
};

/** The number of an order that is as it was in the list before; undefined if it was not there or is not the same. */
const numberIn = (
  { numbers, versions, checksums }: Places,
  { id, version, checksum }: ListedOrder,
): number | undefined => {
  const number = numbers.get(id);
  const isSame = number !== undefined && versions[number] === version && checksums[number] === checksum;
  return isSame ? number : undefined;
};

const pieceOf = ({ body, places: { starts } }: Before, number: number): Piece => ({
  of: body,
  start: starts[number] ?? 0,
  end: (starts[number + 1] ?? 0) - COMMA.length,
});

/** Joins pieces with commas in between. Where one follows the other in the same bytes, these have the comma. */
const joined = (pieces: Piece[]): Buffer[] => {
  const chunks: Buffer[] = [];
  let run: Piece | undefined;
  const flush = () => {
    if (!run) return;
    if (chunks.length > 0) chunks.push(COMMA);
    chunks.push(run.of.subarray(run.start, run.end));
  };
  for (const piece of pieces)
    if (run?.of === piece.of && run.end + COMMA.length === piece.start) run.end = piece.end;
    else {
      flush();
      run = { ...piece };
    }
  flush();
  return chunks;
};

/** @param first where the first order begins */
const placesOf = (listed: ListedOrder[], pieces: Piece[], first: number): Places => {
  const numbers = new Map<string, number>();
  const versions = new Float64Array(listed.length);
  const checksums = new Uint32Array(listed.length);
  const starts = new Uint32Array(listed.length + 1);
  for (const [number, { id, version, checksum }] of listed.entries()) {
    numbers.set(id, number);
    versions[number] = version;
    checksums[number] = checksum;
  }
  starts[0] = first;
  for (const [number, { start, end }] of pieces.entries())
    starts[number + 1] = (starts[number] ?? 0) + end - start + COMMA.length;
  return { numbers, versions, checksums, starts };
};

/**
 * Makes the whole list as of one moment.
 * @param before a list of any age; undefined if there is none, so that everything is read
 * @param take is called with how many bytes of memory are needed, and may throw to end the work
 * @returns the body in chunks, which use the bytes of the list before; where its orders are once they are joined
 * @throws the database's error, or what `take` throws
 */
export const makeWhole = async (
  reader: Reader,
  before: Before | undefined,
  take: (bytes: number) => void,
): Promise<{ chunks: Buffer[]; places: Places; isReadOnly: boolean }> => {
  await reader.beginSnapshot();
  const listed: ListedOrder[] = [];
  for await (const some of readListed(reader)) {
    take(some.length * BYTES_PER_PLACE);
    listed.push(...some);
  }
  const known = listed.map((order) => before && numberIn(before.places, order));
  const changed = listed.filter((_, i) => known[i] === undefined).map(({ id }) => id);
  const orders = before
    ? readByIds(reader, changed)
    : readOrders(reader, {}, BEGINNING, Number.POSITIVE_INFINITY);
  const read = await piecesOf(orders, take);
  const isReadOnly = await hasReadOnlyServer(reader);
  await reader.endSnapshot();

  const pieces = listed.map(({ id }, i): Piece => {
    const number = known[i];
    const piece = before && number !== undefined ? pieceOf(before, number) : read.get(id);
    if (!piece) throw new Error(`The order ${id} is in the list and cannot be read.`);
    return piece;
  });
  const head = Buffer.from(headOf(listed.length));
  return {
    chunks: [head, ...joined(pieces), Buffer.from(tailOf(undefined))],
    places: placesOf(listed, pieces, head.length),
    isReadOnly,
  };
};
