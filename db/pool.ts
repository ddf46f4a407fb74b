/** A pool that hands out only connections that are of use: set up, and not from before something went wrong. */
import { Socket } from 'node:net';
import { drizzle } from 'drizzle-orm/mysql2';
import { createPool, type Pool, type PoolOptions } from 'mysql2/promise';
import { needsNewConnection } from './errors.ts';
import { setUpSession } from './session.ts';

/** Who waits for a connection beyond that is refused: most of them would have given up before they got one. */
const MAX_WAITING = 1_000;
/** Below SILENCE_MS in db/client.ts. */
const LOCK_WAIT_SECONDS = 10;

/** Undefined where mysql2 goes over anything else. */
export const socketOf = (connection: object): Socket | undefined =>
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

/** No lock is waited for as long as a connection may be silent: the server says so in time. */
const WITH_LOCK_TIMEOUTS = ['lock_wait_timeout', 'innodb_lock_wait_timeout'].map(
  (name) => `${name} = LEAST(@@${name}, ${LOCK_WAIT_SECONDS})`,
);

/**
 * Hands out only connections of the present generation, each set up before anybody gets it; where that fails nobody
 * does.
 * @returns begins a new generation: the connections of before, idle or in use, are not handed out any more
 */
const handOutSetUp = ({ pool }: Pool) => {
  let generation = 0;
  const generations = new WeakMap<object, number>();
  const getConnection = pool.getConnection.bind(pool);
  type Callback = Parameters<typeof getConnection>[0];

  const handOut = (callback: Callback): void =>
    getConnection((error, connection) => {
      if (error) return callback(error, connection);
      const born = generations.get(connection);
      if (born === generation) return callback(null, connection);
      if (born !== undefined) {
        connection.destroy();
        return handOut(callback);
      }
      const current = generation;
      setUpSession(connection.promise(), WITH_LOCK_TIMEOUTS).then(
        () => {
          generations.set(connection, current);
          callback(null, connection);
        },
        (failure) => {
          connection.destroy();
          callback(failure, connection);
        },
      );
    });
  // mysql2 gets the connection of every statement by this function.
  pool.getConnection = handOut;
  return () => {
    generation++;
  };
};

/**
 * Opens a pool; connections are made when they are needed.
 * @param silenceMs after so many milliseconds a connection in use over which nothing goes is given up
 */
export const openPool = (options: PoolOptions, silenceMs: number) => {
  const pool = createPool({ ...options, queueLimit: MAX_WAITING, enableKeepAlive: true });
  cutWhenSilent(pool, silenceMs);
  const renew = handOutSetUp(pool);
  /**
   * A failover, or a change of an account, concerns all connections: none of before is used any more once one of them
   * has answered so.
   */
  const notice = (error: unknown) => {
    // Errors go to logs, and this is full of customers' data.
    if (error instanceof Error && 'sql' in error) delete error.sql;
    if (needsNewConnection(error)) renew();
  };
  const noticing = <Run extends (...args: never[]) => Promise<unknown>>(run: Run): Run =>
    ((...args) => {
      const ran = run(...args);
      ran.catch(notice);
      return ran;
    }) as Run;
  pool.query = noticing(pool.query.bind(pool));
  pool.execute = noticing(pool.execute.bind(pool));
  const getConnection = pool.getConnection.bind(pool);
  pool.getConnection = async () => {
    const connection = await getConnection();
    connection.query = noticing(connection.query.bind(connection));
    return connection;
  };
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
      // If the rollback failed, the next user of the connection would commit these changes: it is closed.
      if (error !== reason?.error) connection.destroy();
      throw reason ? reason.error : error;
    } finally {
      connection.release();
    }
  };
  return { pool, orm, renew };
};
