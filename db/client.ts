/** The connection pool of a process. */
import { Socket } from 'node:net';
import { drizzle } from 'drizzle-orm/mysql2';
import { format } from 'mysql2';
import { createPool, type Pool } from 'mysql2/promise';
import type { Config } from '../config.ts';
import { type Log, reachability } from '../log.ts';

const CONNECT_TIMEOUT_MS = 3_000;
/** Who waits for a connection beyond that is refused: most of them would have given up before they got one. */
const MAX_WAITING = 1_000;
const WATCH_INTERVAL_MS = 5_000;
/** Longer than any statement takes, lock waits aside. */
export const SILENCE_MS = 15_000;

/** What mysql2 connects with, for a pool and for a single connection alike. */
export const connectionOptions = ({ ssl, ca, ...mysql }: Config['mysql']) => ({
  ...mysql,
  charset: 'utf8mb4',
  timezone: 'Z',
  connectTimeout: CONNECT_TIMEOUT_MS,
  // A stack for each statement costs more than most statements.
  trace: false,
  // mysql2 would look for placeholders all through a statement, also where it has no values for them.
  queryFormat: (statement: string, values: Parameters<typeof format>[1]) =>
    Array.isArray(values) && values.length === 0 ? statement : format(statement, values, false, 'Z'),
  // Without authorities it is an RDS, whose certificates are signed by Amazon's own, which mysql2 carries.
  ssl: ssl ? (ca ? { ca } : 'Amazon RDS') : undefined,
});

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

/**
 * For whoever applies jobs: what is not there must not lock the gap that others insert into, and what others commit is
 * seen by the next statement. A connection on which this fails is of no use.
 */
const readCommitted = (pool: Pool) => {
  pool.pool.on('connection', (connection) => {
    connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', (error) => {
      if (error) connection.destroy();
    });
  });
};

interface DatabaseOptions {
  /** How many connections at the most. */
  connections: number;
  /** After so many milliseconds a connection in use is given up: longer than any transaction pauses. */
  silenceMs?: number;
  /** Transactions read what is committed, and statements may come several at once (db/statements.ts). */
  applies?: boolean;
}

/**
 * Opens the pool; connections are made when they are needed, so that a process starts without MySQL. Says in
 * the log when MySQL is lost and when it is back, also while nobody asks for anything.
 */
export const openDatabase = (
  config: Config['mysql'],
  log: Log,
  { connections, silenceMs = SILENCE_MS, applies = false }: DatabaseOptions,
) => {
  const pool = createPool({
    ...connectionOptions(config),
    connectionLimit: connections,
    queueLimit: MAX_WAITING,
    enableKeepAlive: true,
    multipleStatements: applies,
  });
  cutWhenSilent(pool, silenceMs);
  if (applies) readCommitted(pool);
  const reach = reachability(log, 'MySQL');

  /** @throws whatever keeps MySQL from answering */
  const ping = async () => {
    await pool.query('SELECT 1');
  };
  const watch = () => ping().then(reach.up, reach.down);
  void watch();
  const watcher = setInterval(watch, WATCH_INTERVAL_MS).unref();

  return {
    orm: drizzle(pool),
    ping,
    close: async () => {
      clearInterval(watcher);
      await pool.end();
    },
  };
};
export type Database = ReturnType<typeof openDatabase>;

export type Orm = Database['orm'];
/** What runs inside one transaction. */
export type Transaction = Parameters<Parameters<Orm['transaction']>[0]>[0];
