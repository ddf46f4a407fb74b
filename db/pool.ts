/**
 * A pool that hands out only connections that are set up and not older than the last failure that concerns them all.
 */
import { Socket } from 'node:net';
import { drizzle } from 'drizzle-orm/mysql2';
import { createPool, type Pool, type PoolOptions } from 'mysql2/promise';
import { needsNewConnection } from './errors.ts';
import { setUpSession } from './session.ts';

/** How many may wait for a connection. Any more are refused, as most would give up before they got one. */
const MAX_WAITING = 1_000;
/** How long a statement may wait for a lock: less than SILENCE_MS in db/client.ts. */
const LOCK_WAIT_SECONDS = 10;

/** The socket of a connection of mysql2, or undefined if it uses something else. */
export const socketOf = (connection: object): Socket | undefined =>
  'stream' in connection && connection.stream instanceof Socket ? connection.stream : undefined;

/**
 * Closes a connection that is silent while somebody uses it. A half-open one would never answer, and mysql2's own time
 * limit for a statement leaves it in the pool.
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

/** Lets the server end the wait for a lock with an error before the connection has been silent for too long. */
const WITH_LOCK_TIMEOUTS = ['lock_wait_timeout', 'innodb_lock_wait_timeout'].map(
  (name) => `${name} = LEAST(@@${name}, ${LOCK_WAIT_SECONDS})`,
);

/**
 * Makes a pool hand out only connections of the present generation, each of them set up. A connection that cannot be
 * set up is closed.
 * @returns a function that begins a new generation: older connections, idle or in use, are not handed out again
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
 * Opens a pool. Connections are made when they are needed.
 * @param silenceMs a connection in use that is silent for so many milliseconds is closed
 * @returns the pool, drizzle-orm over it, and `renew`, which makes it hand out only new connections from then on
 */
export const openPool = (options: PoolOptions, silenceMs: number) => {
  const pool = createPool({ ...options, queueLimit: MAX_WAITING, enableKeepAlive: true });
  cutWhenSilent(pool, silenceMs);
  const renew = handOutSetUp(pool);
  /**
   * Looks at an error of any statement. After a failover or a change of an account all connections are of no use: once
   * one of them tells so, none of them is used again.
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
   * Replaces drizzle-orm's own function, which never gives the connection back if BEGIN fails, and which throws the
   * error of a failed ROLLBACK instead of the one that led to it.
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
