/** Reads over one connection, row by row, so that a large answer is never in memory as a whole. */
import { type SQL, sql } from 'drizzle-orm';
import { MySqlDialect } from 'drizzle-orm/mysql-core';
import type { Pool, PoolConnection } from 'mysql2';
import { isPoolBusy } from './errors.ts';
import type { Orm } from './pool.ts';
import { socketOf } from './socket.ts';

const ROWS_PER_BATCH = 1_000;

const dialect = new MySqlDialect();

/** Reads over a connection of its own, one query after the other. */
export interface Reader {
  /**
   * Gives the rows of a query in batches, as they arrive; dates are texts. If they are taken slowly the server waits.
   * If the iteration ends early, the statement is stopped and the reader closed.
   * @throws while it is iterated: the database's error, or the signal's reason
   */
  batches<Row>(query: SQL): AsyncGenerator<Row[], void>;
  /** All rows of a query that has few. @throws the database's error, or the signal's reason */
  rows<Row>(query: SQL): Promise<Row[]>;
  /** Begins a snapshot, unless there is one: until it ends, everything is read as of the moment of the next query. */
  beginSnapshot(): Promise<void>;
  /** Ends the snapshot, if there is one. */
  endSnapshot(): Promise<void>;
  /** Gives the connection back to the pool, or closes it if a query or a snapshot has not ended. */
  close(): void;
}

/** @param isPatient whether it waits for longer than a single read would where all connections are in use */
const takeConnection = async (
  pool: Pool,
  signal: AbortSignal,
  isPatient: boolean,
): Promise<PoolConnection> => {
  for (;;) {
    try {
      return await new Promise((resolve, reject) => {
        pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isPatient || !isPoolBusy(error)) throw error;
    }
  }
};

/**
 * Takes a connection of the pool for reading. When the signal aborts, the server stops its statement and the connection
 * is closed, so that nobody waits for rows or locks any longer.
 * @param isPatient whether to wait for longer than a single read would where all connections are in use
 * @throws the database's error, or the signal's reason
 */
export const openReader = async (orm: Orm, signal: AbortSignal, isPatient = true): Promise<Reader> => {
  const { pool } = orm.$client;
  const connection = await takeConnection(pool, signal, isPatient);
  const socket = socketOf(connection);
  const silenceMs = socket?.timeout ?? 0;
  let isOpen = true;
  let isAsking = false;
  let isInSnapshot = false;

  const end = (): boolean => {
    const wasOpen = isOpen;
    isOpen = false;
    signal.removeEventListener('abort', cancel);
    return wasOpen;
  };
  const cancel = () => {
    if (!end()) return;
    const { threadId } = connection;
    connection.destroy();
    // mysql2's own `end` lets the server finish first.
    socket?.destroy();
    // A server that sorts, or waits for a lock, does not notice that its client is gone.
    if (isAsking) pool.query('KILL QUERY ?', [threadId], () => {});
  };
  const close = () => {
    if (isAsking || isInSnapshot) cancel();
    else if (end()) connection.release();
  };

  if (signal.aborted) {
    close();
    throw signal.reason;
  }
  signal.addEventListener('abort', cancel);

  async function* batches<Row>(query: SQL): AsyncGenerator<Row[], void> {
    signal.throwIfAborted();
    let rows: Row[] = [];
    let isDone = false;
    let failure: unknown;
    let wake = () => {};
    const fail = (error: unknown) => {
      failure ??= error;
      wake();
    };
    const abort = () => fail(signal.reason);
    signal.addEventListener('abort', abort);
    // mysql2 tells a query without a callback nothing of a connection that is lost.
    connection.on('error', fail);
    isAsking = true;
    const { sql: statement, params } = dialect.sqlToQuery(query);
    connection
      .query({ sql: statement, values: params, dateStrings: true })
      .on('result', (row) => {
        if (rows.push(row as Row) < ROWS_PER_BATCH) return;
        connection.pause();
        // The client is slow now, not the server.
        socket?.setTimeout(0);
        wake();
      })
      .on('error', (error) => {
        isDone = true;
        fail(error);
      })
      .on('end', () => {
        isDone = true;
        wake();
      });
    try {
      for (;;) {
        if (!isDone && failure === undefined && rows.length < ROWS_PER_BATCH)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        if (failure !== undefined) throw failure;
        const batch = rows;
        rows = [];
        if (batch.length > 0) yield batch;
        if (isDone && rows.length === 0) return;
        socket?.setTimeout(silenceMs);
        connection.resume();
      }
    } finally {
      signal.removeEventListener('abort', abort);
      connection.off('error', fail);
      if (!isDone) cancel();
      isAsking = false;
    }
  }

  const rowsOf = async <Row>(query: SQL): Promise<Row[]> => {
    const all: Row[] = [];
    for await (const batch of batches<Row>(query)) all.push(...batch);
    return all;
  };

  return {
    batches,
    rows: rowsOf,
    close,
    beginSnapshot: async () => {
      if (isInSnapshot) return;
      isInSnapshot = true;
      await rowsOf(sql`set transaction isolation level repeatable read`);
      await rowsOf(sql`start transaction read only`);
    },
    endSnapshot: async () => {
      if (!isInSnapshot) return;
      await rowsOf(sql`commit`);
      isInSnapshot = false;
    },
  };
};
