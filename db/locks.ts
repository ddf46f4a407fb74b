/** Locks of the server that let one process at a time do something to a database. */
import { sql } from 'drizzle-orm';
import type { Alone } from './alone.ts';
import { readRows } from './rows.ts';

/**
 * A query for a lock. It answers one row, whose `locked` is 1 if it was got. The lock ends with the connection, also if
 * the process is killed.
 * @param what the lock is for
 * @param seconds how long the server waits for it
 */
export const lockQuery = (what: 'count' | 'hub' | 'migrations' | 'reset', seconds: number): string =>
  // Its name is the server's, not the database's, and of 64 characters at most: hence the hash.
  `SELECT GET_LOCK(md5(concat('orders ${what} of ', database())), ${seconds}) AS locked`;

/** Whether the answer to such a query says that the lock was got. */
export const isLocked = ([row]: { locked: number | null }[]): boolean => row?.locked === 1;

/** Asks to be the hub that passes on the journal. The lock goes with the connection. @returns whether it is */
export const lockHub = async (alone: Alone, seconds: number): Promise<boolean> =>
  isLocked(await readRows(alone, sql.raw(lockQuery('hub', seconds))));
