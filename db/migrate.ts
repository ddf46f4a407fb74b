/** `npm run migrate`: brings the database to the newest schema. Two processes may run it at once. */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/mysql2';
import { migrate } from 'drizzle-orm/mysql2/migrator';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import { type Config, ConfigError, environment, loadConfig } from '../process/config.ts';
import { connectionOptions } from './client.ts';
import { isMissingTable, isPassing, isUnknownDatabase, reasonOf } from './errors.ts';
import { identifier } from './literals.ts';
import { setUpSession } from './session.ts';

const migrationsFolder = fileURLToPath(new URL('./migrations', import.meta.url));
const RETRY_MS = 500;
/** Longer than any migration; whoever waits has nothing left to do once it has the lock. */
const LOCK_SECONDS = 300;

const open = async (options: ConnectionOptions): Promise<Connection> => {
  const connection = await createConnection(options);
  try {
    await setUpSession(connection);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
};

const createDatabase = async ({ database, ...server }: ReturnType<typeof connectionOptions>) => {
  const connection = await open(server);
  await connection.query(`CREATE DATABASE IF NOT EXISTS ${identifier(database)} CHARACTER SET utf8mb4`);
  await connection.end();
};

/** Connects, waiting for a server that still starts, and creates the database where it does not exist yet. */
const connect = async (config: Config['mysql'], deadline: number): Promise<Connection> => {
  const options = connectionOptions(config);
  for (;;) {
    try {
      return await open(options);
    } catch (error) {
      if (isUnknownDatabase(error)) await createDatabase(options);
      else if (isPassing(error) && Date.now() < deadline) await sleep(RETRY_MS);
      else throw error;
    }
  }
};

/**
 * Whether the newest migration was applied, as drizzle-orm notes it. Only reads: who applies jobs needs no rights to
 * change tables.
 */
const isUpToDate = async (connection: Connection): Promise<boolean> => {
  const newest = Math.max(
    ...readMigrationFiles({ migrationsFolder }).map(({ folderMillis }) => folderMillis),
  );
  try {
    const [rows] = await connection.query('SELECT MAX(created_at) AS applied FROM __drizzle_migrations');
    const [{ applied } = { applied: null }] = rows as { applied: number | string | null }[];
    return Number(applied) >= newest;
  } catch (error) {
    if (isMissingTable(error)) return false;
    throw error;
  }
};

/**
 * Applies the migrations that are missing. Where none is, it changes nothing and needs only the right to read.
 * @param waitMs how long to wait for a server that does not answer yet
 * @throws the server's error when it stays away or refuses
 */
export const migrateDatabase = async (config: Config['mysql'], waitMs: number): Promise<void> => {
  const connection = await connect(config, Date.now() + waitMs);
  try {
    if (await isUpToDate(connection)) return;
    const orm = drizzle(connection);
    // The lock goes with the connection, also when this process is killed. Its name is the server's, not the
    // database's, and of 64 characters at most: hence the hash.
    const lock = sql`md5(concat('orders migrations of ', database()))`;
    const [rows] = await orm.execute(sql`select get_lock(${lock}, ${LOCK_SECONDS}) as locked`);
    const [{ locked } = { locked: 0 }] = rows as unknown as { locked: number | null }[];
    if (locked !== 1)
      throw new Error(`Another migration of this database was not over after ${LOCK_SECONDS} seconds.`);
    await migrate(orm, { migrationsFolder });
  } finally {
    await connection.end();
  }
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    const { mysql } = loadConfig(environment());
    await migrateDatabase(mysql, 60_000);
    console.log(`The schema of ${mysql.database} at ${mysql.host}:${mysql.port} is up to date.`);
  } catch (error) {
    console.error(error instanceof ConfigError ? error.message : `The migration failed: ${reasonOf(error)}`);
    process.exitCode = 1;
  }
}
