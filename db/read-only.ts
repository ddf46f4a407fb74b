/** Servers that answer reads and refuse writes, as one does whose place another server has taken. */
import { type SQL, sql } from 'drizzle-orm';
import type { RowDataPacket } from 'mysql2';
import type { Connection } from 'mysql2/promise';

/**
 * An expression that is 1 if its server is read-only. `super_read_only` switches `read_only` on too; a reader of Aurora
 * has the second one (https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_read_only).
 */
export const IS_READ_ONLY = '(@@global.read_only OR @@global.innodb_read_only)';

/** Changes nothing and locks nothing, and yet fails if the server or the account may not write. */
export const WRITE_NOTHING = 'UPDATE last_reset SET at = at WHERE id = 0';

/** What a server answered. If it is read-only, another one may have its place, and newer answers. */
export interface Said<T> {
  value: T;
  isReadOnly: boolean;
}

interface Reader {
  rows<Row>(query: SQL): Promise<Row[]>;
}

/** Whether the server of a reader (reader.ts) is read-only. @throws the database's error, or the signal's reason */
export const hasReadOnlyServer = async (reader: Reader): Promise<boolean> => {
  const [row] = await reader.rows<{ is_read_only: number }>(
    sql`select ${sql.raw(IS_READ_ONLY)} as is_read_only`,
  );
  return row?.is_read_only !== 0;
};

/**
 * Makes sure that a server takes writes over a connection. Most often that is one question which waits for no lock.
 * @throws the server's error if it does not
 */
export const requireWritable = async (connection: Connection): Promise<void> => {
  const [rows] = await connection.query<RowDataPacket[]>(`SELECT ${IS_READ_ONLY} AS is_read_only`);
  // An account may be exempt.
  if (rows[0]?.is_read_only !== 0) await connection.query(WRITE_NOTHING);
};
