/** The connection pool of a process. */
import { type Connection, createConnection } from 'mysql2/promise';
import type { Config } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';
import { reachability } from '../process/reachability.ts';
import { type Alone, withAlone } from './alone.ts';
import { isLost, isReadOnly, reasonOf } from './errors.ts';
import type { Usage } from './hand-out.ts';
import { format } from './literals.ts';
import { loggedIn } from './login.ts';
import { type Limits, type Orm, openPool } from './pool.ts';
import { type Said, WRITE_NOTHING } from './read-only.ts';
import { readAgainIfDead } from './reads.ts';
import { openReplica, type Replica, replicaLimits } from './replica.ts';
import { explainConnecting, tlsOptions } from './tls.ts';

export type { Orm, Transaction } from './pool.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const WATCH_INTERVAL_MS = 5_000;
/** For how long a server that was looked up counts as the one that has the name. */
const LOOKED_UP_MS = 2_000;
/**
 * How long a connection in use may be silent: longer than any statement runs, and than it waits for a lock
 * (db/pool.ts).
 */
export const SILENCE_MS = 15_000;

/** The options with which mysql2 connects now, for a pool and for a single connection. */
export const connectionOptions = ({ tls, renewal, ...mysql }: Config['mysql']) => ({
  ...mysql,
  ...renewal?.now(),
  charset: 'utf8mb4',
  timezone: 'Z',
  connectTimeout: CONNECT_TIMEOUT_MS,
  // A stack for each statement costs more than most statements.
  trace: false,
  // Not mysql2's own, which escapes with backslashes. A statement without values is as it is.
  queryFormat: (statement: string, values: unknown) =>
    Array.isArray(values) && values.length > 0 ? format(statement, values) : statement,
  // RDS asks for its tokens in this way, other servers for passwords of PAM and LDAP.
  enableCleartextPlugin: tls !== undefined,
  ...tlsOptions({ tls, ...mysql }),
});

/**
 * Opens a connection that belongs to no pool.
 * @param database the one that it uses; none if null
 * @throws the database's error, or a TlsRefusal
 */
export const connectOnce = async (
  config: Config['mysql'],
  database: string | null = config.database,
): Promise<Connection> => {
  try {
    return await loggedIn(config.renewal, () =>
      createConnection({ ...connectionOptions(config), database: database ?? undefined }),
    );
  } catch (error) {
    throw explainConnecting(error, config);
  }
};

interface DatabaseOptions {
  /** How many connections there may be. */
  connections: number;
  /** How long a caller waits for one of them, in milliseconds; by default as long as one may be silent. */
  waitMs?: number;
  /** A connection in use that is silent for so many milliseconds is closed; no transaction may pause for so long. */
  silenceMs?: number;
  /** Whether several statements may be sent at once (db/statements.ts). */
  applies?: boolean;
  /** A replica to read from, with as many connections. */
  replica?: Config['mysql'] | undefined;
}

/** What the service asks of MySQL. */
export interface Database {
  /** What the functions of this folder run their statements with. */
  readonly orm: Orm;
  /** For what need not be the newest; undefined if there is none. */
  readonly replica: Replica | undefined;

  /**
   * Runs `work` over a connection of its own, and closes it. A server that is read-only, or becomes so, is left.
   * @throws the database's error, and whatever `work` throws
   */
  alone<T>(work: (alone: Alone) => Promise<T>): Promise<T>;

  /**
   * Reads what the server has that has the name now. If the one that answers is read-only, another may have taken its
   * place: it is left, the name is looked up again, and the read is asked once more.
   * @param read reads and changes nothing
   * @returns what was read; if its server is still read-only, it is not to be kept
   * @throws whatever `read` throws
   */
  latest<T>(read: () => Promise<Said<T>>): Promise<Said<T>>;

  /** Finds out whether MySQL answers. @throws whatever keeps it from that */
  ping(): Promise<void>;

  /**
   * Finds out whether MySQL takes writes. All who ask at the same time share one question, as it may have to wait for a
   * lock.
   * @throws whatever keeps MySQL from that
   */
  probeWrites(): Promise<void>;

  /** How many connections are busy and idle, and how many callers wait for one. */
  usage(): Usage;

  /** Closes all connections. */
  close(): Promise<void>;
}

/** @param applies whether several statements may be sent at once */
const poolOf = (config: Config['mysql'], limits: Omit<Limits, 'explain'>, applies: boolean) =>
  openPool(
    { ...connectionOptions(config), multipleStatements: applies },
    { ...limits, explain: (error) => explainConnecting(error, config) },
    config.renewal,
  );

/**
 * Opens the pool. Connections are made when they are needed, so a process starts without MySQL. The observer is told
 * when MySQL is lost or refuses writes, and when that is over, even while nothing else is asked of MySQL.
 */
export const openDatabase = (
  config: Config['mysql'],
  observer: Observer,
  { connections, silenceMs = SILENCE_MS, waitMs = silenceMs, applies = false, replica }: DatabaseOptions,
): Database => {
  const limits = { limit: connections, waitMs, silenceMs };
  const { pool, orm, renew, renewedAt, usage } = poolOf(config, limits, applies);
  const opened =
    replica && openReplica(poolOf(replica, { ...limits, ...replicaLimits }, false), orm, observer);
  const reach = reachability(observer, 'MySQL');

  const ping = async () => {
    await pool.query('SELECT 1');
  };
  let refusing = false;
  /** @param reason why MySQL takes no writes; undefined if it does */
  const tell = (reason: string | undefined) => {
    if (reason !== undefined && !refusing) observer.databaseRefusesWrites({ reason });
    if (reason === undefined && refusing) observer.databaseTakesWrites({});
    refusing = reason !== undefined;
  };
  let probing: Promise<void> | undefined;
  const probeWrites = (): Promise<void> => {
    probing ??= pool
      .query(WRITE_NOTHING)
      .then(
        () => tell(undefined),
        (error) => {
          // Whether MySQL is there at all is told by `reach`.
          if (isReadOnly(error) || !isLost(error)) tell(reasonOf(error));
          throw error;
        },
      )
      .finally(() => {
        probing = undefined;
      });
    return probing;
  };
  const watch = () =>
    ping().then(
      () => {
        reach.up();
        return probeWrites().catch(() => {});
      },
      (error) => reach.down(new Error(reasonOf(error))),
    );
  void watch();
  const watcher = setInterval(watch, WATCH_INTERVAL_MS).unref();

  return {
    alone: (work) => withAlone(() => connectOnce(config), work),
    orm,
    replica: opened,
    latest: async (read) => {
      const began = performance.now();
      const said = await readAgainIfDead(read);
      if (!said.isReadOnly) return said;
      const isLookedUp = performance.now() < renewedAt() + LOOKED_UP_MS;
      if (isLookedUp && began > renewedAt()) return said;
      if (!isLookedUp) {
        tell('It is read-only.');
        renew();
        void watch();
      }
      return readAgainIfDead(read);
    },
    ping,
    probeWrites,
    usage,
    close: async () => {
      clearInterval(watcher);
      await opened?.close();
      // A connection that is being made to a server that is away fails here, and is closed all the same.
      await pool.end().catch(() => {});
    },
  };
};
