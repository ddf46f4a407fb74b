/** A connection outside the pool. */
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import type { Connection } from 'mysql2/promise';
import { isReadOnly } from './errors.ts';
import { requireWritable } from './read-only.ts';
import { setUpSession } from './session.ts';
import { socketOf } from './socket.ts';

/** A connection that nobody shares: what it locks is its own, and goes with it. */
export type Alone = Pick<MySql2Database, 'execute' | 'transaction'>;

/**
 * A connection over which nothing is heard for so long is taken to be half open. One that is alive answers
 * our question before that.
 */
const SILENCE_MS = 60_000;
/** How often we ask whether the server is there and still takes writes. */
const WATCH_MS = 2_000;
/**
 * The server ends a connection over which it hears nothing for so long, and with it its locks: a process that is frozen,
 * or whose machine is gone without a word, holds them no longer. By default that takes eight hours.
 */
const IDLE_SECONDS = 30;
/** The answer to that question comes after the statement that is running, so no statement may wait for a lock for long. */
const LOCK_WAIT_SECONDS = 5;

/**
 * Opens a connection with `open`, runs `work` over it, and closes it. It is to a server that takes writes: where that
 * ends, so does the connection.
 * @returns what `work` does
 * @throws the database's error, and whatever `work` throws
 */
export const withAlone = async <T>(
  open: () => Promise<Connection>,
  work: (alone: Alone) => Promise<T>,
): Promise<T> => {
  const connection = await open();
  // The statement that fails reports the error. Without this listener it would also end the process.
  connection.on('error', () => {});
  const socket = 'connection' in connection ? socketOf(Object(connection.connection)) : undefined;
  socket?.setTimeout(SILENCE_MS, () => socket.destroy(new Error('MySQL was silent.')));
  // It keeps its locks, and who only reads would never learn that another server has its place. (mysql2's own `destroy`
  // tells nothing to who waits.)
  const leaveIfReadOnly = (error: Error) => {
    if (isReadOnly(error)) socket?.destroy(error);
  };
  const watching = setInterval(() => void requireWritable(connection).catch(leaveIfReadOnly), WATCH_MS);
  watching.unref();
  try {
    await setUpSession(connection, [
      `innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
      `wait_timeout = ${IDLE_SECONDS}`,
    ]);
    await requireWritable(connection);
    return await work(drizzle(connection));
  } finally {
    clearInterval(watching);
    connection.destroy();
  }
};
