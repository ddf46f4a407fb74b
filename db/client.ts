/** The connection pool of a process. */
import type { Config } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import { reachability } from '../process/reachability.ts';
import { type Alone, withAlone } from './alone.ts';
import { reasonOf } from './errors.ts';
import { format } from './literals.ts';
import { openPool } from './pool.ts';
import { tlsOptions } from './tls.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const WATCH_INTERVAL_MS = 5_000;
/** Longer than any statement takes, lock waits aside. */
export const SILENCE_MS = 15_000;

/** What mysql2 connects with, for a pool and for a single connection alike. */
export const connectionOptions = ({ tls, ca, ...mysql }: Config['mysql']) => ({
  ...mysql,
  charset: 'utf8mb4',
  timezone: 'Z',
  connectTimeout: CONNECT_TIMEOUT_MS,
  // A stack for each statement costs more than most statements.
  trace: false,
  // Not mysql2's own, which escapes with backslashes. A statement without values is as it is.
  queryFormat: (statement: string, values: unknown) =>
    Array.isArray(values) && values.length > 0 ? format(statement, values) : statement,
  ...tlsOptions({ tls, ca, ...mysql }),
});

interface DatabaseOptions {
  /** How many connections at the most. */
  connections: number;
  /** After so many milliseconds a connection in use is given up: longer than any transaction pauses. */
  silenceMs?: number;
  /** Statements may come several at once (db/statements.ts). */
  applies?: boolean;
}

/** What the service asks of MySQL. */
export interface Database {
  /** For the statements of this folder. */
  readonly orm: Orm;

  /**
   * Runs `work` over a connection of its own, and closes it.
   * @throws the database's error, and whatever `work` throws
   */
  alone<T>(work: (alone: Alone) => Promise<T>): Promise<T>;

  /** @throws whatever keeps MySQL from answering */
  ping(): Promise<void>;

  /**
   * Shared by those who ask at once, as it may have to wait for somebody's lock.
   * @throws whatever keeps MySQL from taking writes
   */
  probeWrites(): Promise<void>;

  close(): Promise<void>;
}

/** Changes nothing and locks nothing, and a server or an account that writes are refused to refuses it. */
const WRITE_NOTHING = 'UPDATE last_reset SET at = at WHERE id = 0';

/**
 * Opens the pool; connections are made when they are needed, so that a process starts without MySQL. Tells
 * when MySQL is lost or refuses writes and when that is over, also while nobody asks for anything.
 */
export const openDatabase = (
  config: Config['mysql'],
  observer: Observer,
  { connections, silenceMs = SILENCE_MS, applies = false }: DatabaseOptions,
): Database => {
  const { pool, orm } = openPool(
    { ...connectionOptions(config), connectionLimit: connections, multipleStatements: applies },
    silenceMs,
  );
  const reach = reachability(observer, 'MySQL');

  const ping = async () => {
    await pool.query('SELECT 1');
  };
  let probing: Promise<void> | undefined;
  const probeWrites = (): Promise<void> => {
    probing ??= pool
      .query(WRITE_NOTHING)
      .then(() => {})
      .finally(() => {
        probing = undefined;
      });
    return probing;
  };
  let refusing = false;
  const watchWrites = async () => {
    const refusal = await probeWrites().then(
      () => undefined,
      (error) => reasonOf(error),
    );
    if (refusal !== undefined && !refusing) observer.databaseRefusesWrites({ reason: refusal });
    if (refusal === undefined && refusing) observer.databaseTakesWrites({});
    refusing = refusal !== undefined;
  };
  const watch = () =>
    ping().then(
      () => {
        reach.up();
        return watchWrites();
      },
      (error) => reach.down(new Error(reasonOf(error))),
    );
  void watch();
  const watcher = setInterval(watch, WATCH_INTERVAL_MS).unref();

  return {
    alone: (work) => withAlone(connectionOptions(config), work),
    orm,
    ping,
    probeWrites,
    close: async () => {
      clearInterval(watcher);
      await pool.end();
    },
  };
};

export type Orm = ReturnType<typeof openPool>['orm'];
/** What runs inside one transaction. */
export type Transaction = Parameters<Parameters<Orm['transaction']>[0]>[0];
