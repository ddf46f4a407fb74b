/**
 * Statements with their values written into them, and several of them in one round trip. On the path of applying jobs
 * an object per value, as drizzle-orm makes, would be most of the work.
 */
import { sql } from 'drizzle-orm';
import type { Orm, Transaction } from './client.ts';
import { literal } from './literals.ts';

/** Far below max_allowed_packet, which is 16 MiB or more; in UTF-8 a character is up to three times as long. */
const MOST_CHARACTERS = 1024 * 1024;

/** One row of an INSERT. */
export const row = (values: (string | number | Date)[]): string => {
  let text = '';
  for (const value of values) text += `${text === '' ? '(' : ','}${literal(value)}`;
  return `${text})`;
};

/**
 * Runs statements in their order, in as few round trips as their length allows. The connection must take several at
 * once (`applies` in db/client.ts), unless there is only one.
 * @returns of each what mysql2 says: rows, or what has changed
 * @throws the database's error; what comes after the statement that failed is not run
 */
export const runAll = async (db: Orm | Transaction, statements: string[]): Promise<unknown[]> => {
  const results: unknown[] = [];
  for (let from = 0; from < statements.length; ) {
    let to = from;
    for (let length = 0; to < statements.length; to++) {
      length += statements[to]?.length ?? 0;
      if (to > from && length > MOST_CHARACTERS) break;
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
