/** An app with one order, and lists over its stores, which count what they ask and wait where a test wants it. */

import type { ServerResponse } from 'node:http';
import type { Pool } from 'mysql2';
import { type ListBuilder, listBuilder } from '../../api/lists/build.ts';
import { orderLists, TOO_LARGE } from '../../api/lists/lists.ts';
import type { ListQuery } from '../../api/lists/query.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Orm } from '../../db/client.ts';
import { unobserved } from '../../process/log-events.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { startReadyApp } from './app.ts';
import { isolatedEnvironment } from './environment.ts';
import { anAcceptedOrder, insertAccepted } from './orders.ts';
import { openStores } from './stores.ts';

const DEFAULTS = { ttl: 30, memoryBytes: 2 ** 20, staleMs: 0, sending: 4 };

/** Calls `work` so many times. @returns what each call returned */
export const times = <T>(count: number, work: () => T): T[] => Array.from({ length: count }, work);

/** An app over fresh stores that hold one order; closed when the test ends. */
export const startAppWithOrder = async (t: Teardown) => {
  const env = await isolatedEnvironment();
  const app = await startReadyApp(t, env);
  const stores = await openStores(t, env);
  const accepted = anAcceptedOrder();
  await insertAccepted(app.database.orm, [accepted]);
  const id = accepted.order.order_id;
  /** Changes the row only, and tells nobody. */
  const setStatus = (status: string) =>
    stores.rows('UPDATE orders SET status = ? WHERE id = ?', [status, id]);
  return {
    app,
    stores,
    id,
    setStatus,
    /** What a consumer does to the row, and to the cache after the commit. */
    commit: async (status: string) => {
      await setStatus(status);
      await app.cache.lists.invalidate();
    },
  };
};

const countingPool = (pool: Pool, count: () => void) =>
  new Proxy(pool, {
    get: (target, name) => {
      if (name !== 'getConnection') return Reflect.get(target, name).bind(target);
      const getConnection: Pool['getConnection'] = (given) =>
        target.getConnection((error, connection) => {
          if (error) return given(error, connection);
          given(
            error,
            new Proxy(connection, {
              get: (target, name) => {
                if (name === 'query') count();
                const value = Reflect.get(target, name);
                return typeof value === 'function' ? value.bind(target) : value;
              },
            }),
          );
        });
      return getConnection;
    },
  });

/** A promise, and the function that resolves it. */
const signal = () => {
  let give: () => void = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { give, given };
};

/** A cache of lists that never finds anything, as if no other process had put it there. */
export const alone = { find: async () => null, put: async () => null };

/**
 * @param config in place of the defaults: 30 s, 1 MiB, no stale answers
 * @param cache in place of what the app's own cache does
 */
export const startLists = (
  { database, cache: { lists: redis } }: Awaited<ReturnType<typeof startReadyApp>>,
  config: Partial<typeof DEFAULTS> = {},
  cache: Partial<Cache['lists']> = {},
) => {
  let hold: Promise<void> | undefined;
  let failure: Error | undefined;
  const counts = { builds: 0, read: 0, statements: 0, versions: 0 };
  const { orm } = database;
  /** The same database, whose connections count the queries that are asked over them. */
  const counting: Orm = Object.assign(Object.create(orm), {
    $client: { pool: countingPool(orm.$client.pool, () => counts.statements++) },
  });
  const { build: read, stream } = listBuilder({ ...database, orm: counting }, 5);
  const build: ListBuilder['build'] = async (...asked) => {
    counts.builds++;
    if (failure) throw failure;
    const built = await read(...asked);
    counts.read++;
    await hold;
    return built;
  };
  const version = cache.version ?? redis.version;
  const lists = orderLists(
    { build, stream },
    {
      ...redis,
      ...cache,
      version: async () => {
        const read = await version();
        counts.versions++;
        return read;
      },
    },
    { ...DEFAULTS, ...config },
    unobserved,
  );
  /** An answer that there is room for. */
  const find = async (query: ListQuery, response?: ServerResponse) => {
    const found = await lists.find(query, response);
    if (found === TOO_LARGE) throw new Error('There is no room for the answer.');
    return found;
  };
  return {
    ...lists,
    find,
    /** The same, whether there is room for it or not. */
    findAny: lists.find,
    counts,
    /** The status of the order, as the list has it. */
    status: async (query: ListQuery = {}): Promise<string> =>
      JSON.parse(String((await find(query))?.body)).orders[0].status,
    /** Holds back everything that is read. @returns a function that hands it out */
    holdBuilds: () => {
      const { give, given } = signal();
      hold = given;
      return () => {
        hold = undefined;
        give();
      };
    },
    failWith: (error: Error | undefined) => {
      failure = error;
    },
  };
};
