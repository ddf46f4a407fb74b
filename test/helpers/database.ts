import { type Database, type Orm, openDatabase } from '../../db/client.ts';
import { type OrderFilter, type Position, readPage } from '../../db/lists.ts';
import { openReader, type Reader } from '../../db/reader.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import type { Teardown } from '../../testbed/teardown.ts';

const CONNECTIONS = 4;

/**
 * Opens the database that `env` names, as the service does; closed when the test ends.
 * @param applies whether as a consumer does
 */
export const startDatabase = (t: Teardown, env: NodeJS.ProcessEnv, applies = false): Database => {
  const options = { connections: CONNECTIONS, applies };
  const database = openDatabase(loadConfig(env).mysql, unobserved, options);
  t.teardown(() => database.close());
  return database;
};

/** Reads over a connection of its own. */
export const reading = async <T>(orm: Orm, work: (reader: Reader) => Promise<T>): Promise<T> => {
  const reader = await openReader(orm, new AbortController().signal);
  try {
    return await work(reader);
  } finally {
    reader.close();
  }
};

/** A page of orders, whole. */
export const wholePage = async (
  reader: Reader,
  filter: OrderFilter,
  after: Position,
  limit: number,
  counted = false,
) => {
  const orders = [];
  const page = readPage(reader, filter, after, limit, counted);
  let next = await page.next();
  for (; !next.done; next = await page.next()) orders.push(...next.value);
  const { end, total } = next.value;
  return { orders, end, total };
};
export const listPage = (orm: Orm, filter: OrderFilter, after: Position, limit: number, counted = false) =>
  reading(orm, (reader) => wholePage(reader, filter, after, limit, counted));
