/**
 * Statements with their values written into them, and several of them in one round trip. On the path of applying jobs
 * an object per value, as drizzle-orm makes, would be most of the work.
 */
import { sql } from 'drizzle-orm';
import type { Orm, Transaction } from './client.ts';
import { literal } from './literals.ts';

/** What a server takes at once where nobody asked it (`max_allowed_packet` is 16 MiB or more by default). */
export const MODEST_BYTES = 128 * 1024;
/** More gains nothing. */
const MOST_BYTES = 1024 * 1024;
/** What the protocol puts around the text of a statement, and more. */
const OVERHEAD_BYTES = 64;
/** Of a UTF-16 code unit in UTF-8. */
const MOST_BYTES_PER_UNIT = 3;

/** A single row that the server does not take. */
class StatementTooLarge extends Error {
  constructor(bytes: number, maxBytes: number) {
    super(
      `A row of it is a statement of ${bytes} bytes, and the server takes ${maxBytes} at the most (max_allowed_packet).`,
    );
  }
}

/** @returns how long what is sent at once may be, for a server with this `max_allowed_packet` */
export const bytesAtOnce = (maxAllowedPacket: number): number =>
  Math.min(MOST_BYTES, maxAllowedPacket - OVERHEAD_BYTES);

/** One row of an INSERT. */
export const row = (values: (string | number | Date)[]): string => {
  let text = '';
  for (const value of values) text += `${text === '' ? '(' : ','}${literal(value)}`;
  return `${text})`;
};

/**
 * INSERTs of rows, as few as their length allows.
 * @param head what comes before the rows
 * @throws StatementTooLarge for a row that is longer than that alone
 */
export const inserts = (head: string, rows: string[], maxBytes: number): string[] => {
  const whole = `${head}${rows}`;
  if (whole.length * MOST_BYTES_PER_UNIT <= maxBytes) return [whole];
  const statements: string[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    const added = Buffer.byteLength(row) + 1;
    bytes += added;
    if (bytes <= maxBytes) {
      statements.push(`${statements.pop()},${row}`);
      continue;
    }
    bytes = Buffer.byteLength(head) + added;
    if (bytes > maxBytes) throw new StatementTooLarge(bytes, maxBytes);
    statements.push(`${head}${row}`);
  }
  return statements;
};

/** Parts of a list for statements of which each part takes up to `bytesEach`. */
export const partsOf = <T>(list: T[], bytesEach: number, maxBytes: number): T[][] => {
  const size = Math.max(1, Math.floor(maxBytes / bytesEach) - 1);
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
};

/**
 * Runs statements in their order, in as few round trips as their length allows. The connection must take several at
 * once (`applies` in db/client.ts), unless there is only one.
 * @param maxBytes of what is sent at once
 * @returns of each what mysql2 says: rows, or what has changed
 * @throws the database's error; what comes after the statement that failed is not run
 */
export const runAll = async (
  db: Orm | Transaction,
  statements: string[],
  maxBytes = MODEST_BYTES,
): Promise<unknown[]> => {
  const results: unknown[] = [];
  // If even the largest possible number of bytes is small enough, counting can be left out.
  const length = statements.reduce((sum, statement) => sum + statement.length + 1, 0);
  const isShort = length * MOST_BYTES_PER_UNIT <= maxBytes;
  for (let from = 0; from < statements.length; ) {
    let to = isShort ? statements.length : from;
    for (let bytes = 0; to < statements.length; to++) {
      bytes += Buffer.byteLength(statements[to] ?? '') + 1;
      if (to > from && bytes > maxBytes) break;
    }
    const together = statements.slice(from, to);
    const [result] = await db.execute(sql.raw(together.join(';')));
    results.push(...(together.length === 1 ? [result] : (result as unknown as unknown[])));
    from = to;
  }
  return results;
};

/** Runs statements one after the other, over a connection that takes one at a time. @throws the database's error */
export const runEach = async (db: Orm | Transaction, statements: string[]): Promise<void> => {
  for (const statement of statements) await db.execute(sql.raw(statement));
};
