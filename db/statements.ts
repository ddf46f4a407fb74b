/**
 * Statements as texts with the values written into them, several in one round trip. Consumers use them to apply jobs:
 * drizzle-orm makes an object for each value, which would be most of the work.
 */
import { sql } from 'drizzle-orm';
import { literal } from './literals.ts';
import type { Orm, Transaction } from './pool.ts';
import { readRows } from './rows.ts';

/** How many bytes we send at once without asking the server. (By default `max_allowed_packet` is 16 MiB or more.) */
export const MODEST_BYTES = 128 * 1024;
/** How many bytes we send at once at the most; more would gain nothing. */
const MOST_BYTES = 1024 * 1024;
/** More than the protocol adds to the text of a statement. */
const OVERHEAD_BYTES = 64;
/** How many bytes a UTF-16 code unit takes in UTF-8 at the most. */
const MOST_BYTES_PER_UNIT = 3;

/** The statement for a single row is longer than the server takes. */
class StatementTooLarge extends Error {
  constructor(bytes: number, maxBytes: number) {
    super(
      `A row of it is a statement of ${bytes} bytes, and the server takes ${maxBytes} at the most (max_allowed_packet).`,
    );
  }
}

/** How many bytes may be sent at once to a server with this `max_allowed_packet`. */
export const bytesAtOnce = (maxAllowedPacket: number): number =>
  Math.min(MOST_BYTES, maxAllowedPacket - OVERHEAD_BYTES);

/** Asks the server how many bytes may be sent at once. @throws the database's error */
export const readMaxBytes = async (db: Pick<Orm | Transaction, 'execute'>): Promise<number> => {
  const [row] = await readRows<{ max: number }>(db, sql`select @@max_allowed_packet as max`);
  return bytesAtOnce(row?.max ?? MODEST_BYTES);
};

/** One row of an INSERT, in parentheses. @throws TypeError for a value that has no literal */
export const row = (values: (string | number | Date)[]): string => {
  let text = '';
  for (const value of values) text += `${text === '' ? '(' : ','}${literal(value)}`;
  return `${text})`;
};

/**
 * Puts rows into INSERTs, into as few as their length allows.
 * @param head what comes before the rows
 * @param maxBytes how long a statement may be
 * @throws StatementTooLarge if the statement for a single row is longer than that
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

/** Divides a list into parts that fit into statements. @param bytesEach how many bytes an element takes at the most */
export const partsOf = <T>(list: T[], bytesEach: number, maxBytes: number): T[][] => {
  const size = Math.max(1, Math.floor(maxBytes / bytesEach) - 1);
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
};

/**
 * Runs statements in their order, in as few round trips as their length allows. The connection must take several at
 * once (`applies` in db/client.ts), unless there is only one.
 * @param maxBytes how many bytes may be sent at once
 * @returns what mysql2 returns for each statement: its rows, or how many it has changed
 * @throws the database's error; the statements after the one that failed are not run
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

/**
 * Runs statements one by one, over any connection.
 * @throws the database's error; the statements after it are not run
 */
export const runEach = async (
  db: Pick<Orm | Transaction, 'execute'>,
  statements: string[],
): Promise<void> => {
  for (const statement of statements) await db.execute(sql.raw(statement));
};
