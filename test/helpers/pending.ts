/** Pending copies, as one process or several have them, and what a test needs to look at them. */
import { randomUUID } from 'node:crypto';
import { openCache } from '../../cache/cache.ts';
import type { Pending } from '../../cache/pending.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from './environment.ts';
import { openStores } from './stores.ts';

/** In seconds. */
export const WAITING_TTL = 1_000;
export const APPLIED_TTL = 60;

/** A version of just now. It has 16 digits; if Lua prints a number by itself, 14 of them are left. */
export const VERSION = Math.floor(Date.now() / 1_000) * 1_000_000 - 10;

export const anOrder = (order_id: string = randomUUID()) => ({
  order_id,
  customer_name: 'Ada "🦀" \\ /\u0000',
  status: 'received',
  items: [{ name: 'Tea', quantity: 2_147_483_647 }],
});

export const notesKey = (id: string) => `order_writes:{temp_order:${id}}`;
/** What Redis says of a key that is not there. */
const GONE = -2;

/** What readers see: a status, that the order is deleted, or nothing. */
export const seenOf = (found: Pending | undefined) => {
  if (found === undefined || found.kind === 'deleted') return found?.kind;
  const status = found.kind === 'order' ? JSON.parse(found.json.toString()).status : found.status;
  return found.deleting === (status === 'deleting') ? status : `${status}, deleting: ${found.deleting}`;
};

/** The cache as a process of its own has it, once it has reached Redis; closed when the test ends. */
export const openReadyCache = async (t: Teardown, env: NodeJS.ProcessEnv) => {
  const cache = openCache(loadConfig(env), unobserved);
  t.teardown(() => cache.close());
  await until('Redis is reached', async () => (await cache.time()) !== null);
  return cache;
};

/**
 * A Redis database of its own.
 * @returns a process's pending copies in it; `open` makes another process
 */
export const openPending = async (t: Teardown) => {
  const env = await isolatedEnvironment({
    TEMP_ORDER_PENDING_TTL: String(WAITING_TTL),
    TEMP_ORDER_CACHE_TTL: String(APPLIED_TTL),
  });
  const stores = await openStores(t, env);
  const open = () => openReadyCache(t, env);
  const { pending } = await open();
  const ttls = async (id: string): Promise<[order: number, notes: number]> => [
    await stores.redis.ttl(`temp_order:${id}`),
    await stores.redis.ttl(notesKey(id)),
  ];
  return {
    stores,
    open,
    pending,
    put: (order: ReturnType<typeof anOrder>, version: number, to = pending, isKnown = false) =>
      to.put(order.order_id, JSON.stringify(order), version, isKnown),
    settle: (orderId: string, state: number | 'deleted', versioned: boolean) =>
      pending.settle([{ orderId, state, versioned }]),
    /** How long Redis keeps an order, or otherwise what is noted of its writes, in seconds. */
    ttl: async (id: string) => {
      const [order, notes] = await ttls(id);
      return order === GONE ? notes : order;
    },
    ttls,
    /** What is noted of its writes, as it is stored. */
    notesOf: (id: string) => stores.redis.get(notesKey(id)),
  };
};
