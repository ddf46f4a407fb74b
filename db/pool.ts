/** A pool that hands out only connections that are of use: set up, and not from before something went wrong. */
import { Socket } from 'node:net';
import { drizzle } from 'drizzle-orm/mysql2';
import type { PoolOptions } from 'mysql2/promise';
import { createPool, type Pool } from 'mysql2/promise';
import { setUpSession } from './session.ts';

/** Who waits for a connection beyond that is refused: most of them would have given up before they got one. */
const MAX_WAITING = 1_000;

const socketOf = (connection: object): Socket | undefined =>
  'stream' in connection && connection.stream instanceof Socket ? connection.stream : undefined;

/**
 * Cuts a connection over which nothing goes while somebody has it: one that is half open would never answer, and
 * mysql2's own time limit for a statement leaves it in the pool.
 */
const cutWhenSilent = (pool: Pool, silenceMs: number) => {
  pool.on('connection', (connection) => {
    const socket = socketOf(connection);
    const error = Object.assign(new Error(`MySQL was silent for ${silenceMs} ms.`), { code: 'ETIMEDOUT' });
    socket?.on('timeout', () => socket.destroy(error));
  });
  pool.on('acquire', (connection) => socketOf(connection)?.setTimeout(silenceMs));
  pool.on('release', (connection) => socketOf(connection)?.setTimeout(0));
};

/** Sets each connection up before anybody gets it. Where that fails nobody does. */
const handOutSetUp = ({ pool }: Pool) => {
  const isSetUp = new WeakSet<object>();
  const getConnection = pool.getConnection.bind(pool);
  // Whatever mysql2 runs a statement over, it gets by this.
  pool.getConnection = (callback) =>
    getConnection((error, connection) => {
      if (error || isSetUp.has(connection)) return callback(error, connection);
      setUpSession(connection.promise()).then(
        () => {
          isSetUp.add(connection);
          callback(null, connection);
        },
        (failure) => {
          connection.destroy();
          callback(failure, connection);
        },
      );
    });
};

/**
 * Opens a pool; connections are made when they are needed.
 * @param silenceMs after so many milliseconds a connection in use over which nothing goes is given up
 */
export const openPool = (options: PoolOptions, silenceMs: number) => {
  const pool = createPool({ ...options, queueLimit: MAX_WAITING, enableKeepAlive: true });
  cutWhenSilent(pool, silenceMs);
  handOutSetUp(pool);
  const orm = drizzle(pool);

  /**
   * As drizzle-orm's own, which keeps the connection for ever where BEGIN fails, and tells of a failed ROLLBACK
   * instead of what led to it.
   */
  orm.transaction = async (work, config) => {
    const connection = await pool.getConnection();
    let reason: { error: unknown } | undefined;
    try {
      return await drizzle(connection).transaction(
        (tx) =>
          work(tx).catch((error) => {
            reason = { error };
            throw error;
          }),
        config,
      );
    } catch (error) {
      // What is not rolled back must not be committed by whoever comes next.
      if (error !== reason?.error) connection.destroy();
      throw reason ? reason.error : error;
    } finally {
      connection.release();
    }
  };
  return { pool, orm };
};
