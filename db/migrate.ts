/**
 * Makes a database what db/schema.ts wants, whatever it is: empty, of any earlier version of this
 * service, made by SQLAlchemy for the Flask service, or any of these cut short half-way. Two processes may do it at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import type { Config } from '../process/config.ts';
import { TlsRefusal } from '../process/tls-refusals.ts';
import { checkAdoption, lowerCaseIds } from './adoption.ts';
import { connectOnce } from './client.ts';
import { convergence } from './convergence.ts';
import { isLockConflict, isLost, isPassing, isUnknownDatabase, reasonOf } from './errors.ts';
import { identifier } from './literals.ts';
import { isLocked, lockQuery } from './locks.ts';
import { tables as schema } from './schema.ts';
import { setUpSession } from './session.ts';
import { readTables, wantedTable } from './tables.ts';

const RETRY_MS = 500;
/** Whoever waits for a table keeps all others from it: not for long at a time. */
const LOCK_WAIT_SECONDS = 5;
/** How long to try again in all, or to wait for another migration: longer than one of some ten million orders. */
const PATIENCE_MS = 3_600_000;

const open = async (config: Config['mysql'], database?: null): Promise<Connection> => {
  const connection = await connectOnce(config, database);
  try {
    await setUpSession(connection, [
      `lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
      `innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
    ]);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
};

const creating = (database: string): string =>
  `CREATE DATABASE IF NOT EXISTS ${identifier(database)} CHARACTER SET utf8mb4`;

const createDatabase = async (config: Config['mysql']) => {
  const connection = await open(config, null);
  await connection.query(creating(config.database));
  await connection.end();
};

/**
 * Connects, waiting for a server that still starts.
 * @returns undefined where the database does not exist
 */
const connect = async (config: Config['mysql'], deadline: number): Promise<Connection | undefined> => {
  for (;;) {
    try {
      return await open(config);
    } catch (error) {
      if (isUnknownDatabase(error)) return undefined;
      // TLS is refused until somebody mends it.
      if (!isPassing(error) || error instanceof TlsRefusal || Date.now() >= deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
};

const wanted = schema.map(wantedTable);

/** The rows that there must be. Orders that are written meanwhile are counted by whoever counts them (counts.ts). */
const firstRows = [
  {
    asking: 'SELECT 1 FROM last_reset WHERE id = 1',
    inserting: "INSERT IGNORE INTO last_reset (id, at) VALUES (1, '1970-01-01 00:00:00.000')",
  },
  {
    asking: 'SELECT 1 FROM order_counts LIMIT 1',
    inserting: 'INSERT IGNORE INTO order_counts (slot, orders) SELECT 0, COUNT(*) FROM orders',
  },
];

/** The rows that are missing, as statements. */
const missingRows = async (connection: Connection): Promise<string[]> => {
  const missing: string[] = [];
  for (const { asking, inserting } of firstRows) {
    const [rows] = await connection.query(asking);
    if ((rows as unknown[]).length === 0) missing.push(inserting);
  }
  return missing;
};

/**
 * What is to be done: statements to run one after the other. It needs only the right to read.
 * @param check looks at the tables before they are changed
 */
const work = async (connection: Connection, check: typeof checkAdoption): Promise<string[]> => {
  const found = await readTables(
    connection,
    wanted.map(({ name }) => name),
  );
  const { keys, tables } = convergence(wanted, found);
  if (keys.length + tables.length === 0) return missingRows(connection);
  await check(connection, wanted, found);
  return [...keys, ...lowerCaseIds(wanted, found), ...tables];
};
/** To look at all rows takes seconds a million: it is done once, by whoever is about to change something. */
const unchecked = async (): Promise<void> => {};

type Say = (line: string) => void;

/** Runs a statement as soon as nobody holds the table. @throws the database's error */
const run = async (connection: Connection, statement: string, say: Say): Promise<void> => {
  const deadline = Date.now() + PATIENCE_MS;
  for (let isFirst = true; ; isFirst = false) {
    try {
      await connection.query(statement);
      return;
    } catch (error) {
      if (!isLockConflict(error) || Date.now() > deadline) throw error;
      if (isFirst)
        say('Another connection holds a table in a transaction that has not ended: waiting for it.');
      await sleep(RETRY_MS);
    }
  }
};

/** Waits until no other migration of this database runs. */
const lock = async (connection: Connection, say: Say): Promise<void> => {
  const deadline = Date.now() + PATIENCE_MS;
  for (let isFirst = true; ; isFirst = false) {
    const [rows] = await connection.query(lockQuery('migrations', LOCK_WAIT_SECONDS));
    if (isLocked(rows as { locked: number | null }[])) return;
    if (Date.now() > deadline) throw new Error('Another migration of this database did not end in an hour.');
    if (isFirst) say('Another migration of this database is running: waiting for it.');
  }
};

interface Options {
  /** How long to wait for a server that does not answer yet, or that is lost or takes no writes any more. */
  waitMs: number;
  /** Only say what is to be done. */
  isCheck?: boolean;
  /** Is told what is done, and what is waited for. */
  say?: Say;
}

/** Makes the database what it is to be, and closes the connection. */
const change = async (connection: Connection, isCheck: boolean, say: Say): Promise<void> => {
  try {
    let statements = await work(connection, isCheck ? checkAdoption : unchecked);
    if (statements.length > 0 && !isCheck) {
      await lock(connection, say);
      // The tables first, then the rows in them. Whoever had the lock before may have done all of it.
      for (const _step of ['tables', 'rows']) {
        statements = await work(connection, checkAdoption);
        for (const statement of statements) {
          // Of a new table there is nothing to tell; others have rows in them, and take their time.
          if (/^(ALTER|UPDATE) /.test(statement)) say(`${statement};`);
          await run(connection, statement, say);
        }
      }
      statements = await work(connection, unchecked);
      if (statements.length > 0)
        throw new Error(`Tables were changed meanwhile. This is still to be done: ${statements.join('; ')}`);
    }
    for (const statement of statements) say(`${statement};`);
    await connection.end();
  } finally {
    connection.destroy();
  }
};

/**
 * Makes the database what db/schema.ts wants. Where it is so already, it needs only the right to read. If the server is
 * lost meanwhile, or another one takes its place, all begins again, as whatever is cut short can be continued.
 * @throws AdoptionError where a table is in the way, which is then as it was; the server's error when it stays away or
 *   refuses
 */
export const migrateDatabase = async (
  config: Config['mysql'],
  { waitMs, isCheck = false, say = () => {} }: Options,
): Promise<void> => {
  let deadline = Date.now() + waitMs;
  let isCreated = false;
  let problem: string | undefined;
  for (;;) {
    const connection = await connect(config, deadline);
    const began = Date.now();
    try {
      if (connection) return await change(connection, isCheck, say);
      if (isCreated) throw new Error(`The database ${config.database} was created, and is gone.`);
      say(`${creating(config.database)};`);
      if (isCheck) return;
      await createDatabase(config);
      isCreated = true;
    } catch (error) {
      if (!isLost(error)) throw error;
      // A server that was there for so long is not waited for since the beginning.
      if (Date.now() - began > waitMs) deadline = Date.now() + waitMs;
      if (Date.now() >= deadline) throw error;
      const reason = reasonOf(error);
      if (reason !== problem) say(`MySQL is lost or takes no writes (${reason}): waiting for it.`);
      problem = reason;
      isCreated = false;
      await sleep(RETRY_MS);
    }
  }
};
