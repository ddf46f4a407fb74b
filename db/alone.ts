/** A connection outside the pool. */
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import type { Connection } from 'mysql2/promise';
import { setUpSession } from './session.ts';
import { socketOf } from './socket.ts';

/** A connection that nobody shares: what it locks is its own, and goes with it. */
export type Alone = Pick<MySql2Database, 'execute' | 'transaction'>;

/**
 * A connection over which nothing is heard for so long is taken to be half open. One that is alive answers a ping
 * before that.
 */
const SILENCE_MS = 60_000;
const PING_MS = 10_000;
/**
 * The server ends a connection over which it hears nothing for so long, and with it its locks: a process that is frozen,
 * or whose machine is gone without a word, holds them no longer. By default that takes eight hours.
 */
const IDLE_SECONDS = 30;
/** The answer to a ping comes after the statement that is running, so no statement may wait for a lock for long. */
const LOCK_WAIT_SECONDS = 5;

/**
 * Opens a connection with `open`, runs `work` over it, and closes it.
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
  const pinging = setInterval(() => void connection.ping().catch(() => {}), PING_MS).unref();
  try {
    await setUpSession(connection, [
      `innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
      `wait_timeout = ${IDLE_SECONDS}`,
    ]);
    return await work(drizzle(connection));
  } finally {
    clearInterval(pinging);
    connection.destroy();
  }
};
