/**
 * A pool that hands out only connections that are set up and not older than the last failure that concerns them all.
 */
import { drizzle } from 'drizzle-orm/mysql2';
import type { PoolConnection } from 'mysql2';
import { createPool, type Pool, type PoolOptions } from 'mysql2/promise';
import type { Renewal } from '../process/renewal.ts';
import { needsNewConnection } from './errors.ts';
import { handOutSetUp } from './hand-out.ts';
import { logInAnew } from './login.ts';
import { setUpSession } from './session.ts';
import { socketOf } from './socket.ts';

/** How many may wait for a connection. Any more are refused, as most would give up before they got one. */
const MAX_WAITING = 10_000;
/** How long a statement may wait for a lock: less than SILENCE_MS in db/client.ts. */
const LOCK_WAIT_SECONDS = 10;
/** After how long of silence the kernel asks whether the other side is still there, and keeps it known on the way. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Closes a connection that is silent while somebody uses it. A half-open one would never answer, and mysql2's own time
 * limit for a statement leaves it in the pool.
 */
const cutWhenSilent = (pool: Pool, silenceMs: number) => {
  pool.on('connection', (connection) => {
    const socket = socketOf(connection);
    const error = Object.assign(new Error(`MySQL was silent for ${silenceMs} ms.`), {
      code: 'PROTOCOL_SEQUENCE_TIMEOUT',
    });
    socket?.on('timeout', () => socket.destroy(error));
  });
  pool.on('acquire', (connection) => socketOf(connection)?.setTimeout(silenceMs));
  pool.on('release', (connection) => socketOf(connection)?.setTimeout(0));
};

/** Lets the server end the wait for a lock with an error before the connection has been silent for too long. */
const WITH_LOCK_TIMEOUTS = ['lock_wait_timeout', 'innodb_lock_wait_timeout'].map(
  (name) => `${name} = LEAST(@@${name}, ${LOCK_WAIT_SECONDS})`,
);

export interface Limits {
  /** How many connections there may be. */
  limit: number;
  /** How long a caller waits for one, in milliseconds. */
  waitMs: number;
  /** A connection in use that is silent for so many milliseconds is closed. */
  silenceMs: number;
  /** Says of an error of a new connection what it has to do with TLS. */
  explain: (error: unknown) => unknown;
}

/**
 * Opens a pool. Connections are made when they are needed.
 * @param renewal renews the password, if it may change
 * @returns the pool, drizzle-orm over it, and `renew`, which closes its connections: from then on it hands out new ones.
 *   `renewedAt` is performance.now() when that was last done. `usage` tells how it is used
 */
export const openPool = (
  options: PoolOptions,
  { limit, waitMs, silenceMs, explain }: Limits,
  renewal: Renewal | undefined,
) => {
  const pool = createPool({
    ...options,
    connectionLimit: limit,
    queueLimit: MAX_WAITING,
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
  cutWhenSilent(pool, silenceMs);
  if (renewal) logInAnew(pool, renewal);
  const setUp = (connection: PoolConnection) => setUpSession(connection.promise(), WITH_LOCK_TIMEOUTS);
  const { leave, usage } = handOutSetUp(pool, { limit, waitMs, setUp, explain });
  let renewedAt = Number.NEGATIVE_INFINITY;
  const renew = () => {
    renewedAt = performance.now();
    leave();
  };
  /**
   * Looks at an error of any statement. After a failover or a change of an account all connections are of no use: once
   * one of them tells so, none of them is used again, and the server's name is looked up anew.
   */
  const notice = (error: unknown) => {
    // Errors go to logs, and this is full of customers' data.
    if (error instanceof Error && 'sql' in error) delete error.sql;
    if (needsNewConnection(error)) renew();
  };
  // Nobody else is told of one that is lost while it is idle, or read from row by row.
  pool.on('connection', (connection) => connection.on('error', notice));
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
  return { pool, orm, renew, renewedAt: () => renewedAt, usage };
};

export type Orm = ReturnType<typeof openPool>['orm'];
/** What runs inside one transaction. */
export type Transaction = Parameters<Parameters<Orm['transaction']>[0]>[0];
