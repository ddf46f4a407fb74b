/** What the Flask service that this one replaces does to Redis, as both may run side by side. */
import type { Redis } from 'ioredis';

/** In seconds. */
export const ITS_TTL = 60;

interface ItsOrder {
  order_id: string;
  customer_name: string;
  status: string;
  items: unknown[];
}

export const otherService = (redis: Redis) => {
  const keep = (id: string, order: object) =>
    redis.set(`temp_order:${id}`, JSON.stringify(order), 'EX', ITS_TTL);
  const found = async (id: string) => JSON.parse((await redis.get(`temp_order:${id}`)) ?? 'null');
  const listKey = async () => `orders:list:${Number(await redis.get('orders:list:version'))}`;
  return {
    post: (order: ItsOrder) => keep(order.order_id, order),

    patch: async (id: string, status: string): Promise<void> => {
      const copy = await found(id);
      if (copy !== null) await keep(id, { ...copy, status });
    },

    remove: async (id: string): Promise<void> => {
      await keep(id, { ...((await found(id)) ?? { order_id: id }), status: 'deleting' });
    },

    /** After it has applied a job. */
    invalidateLists: () => redis.incr('orders:list:version'),
    putList: async (list: object) => redis.set(await listKey(), JSON.stringify(list), 'EX', 30),
    readList: async (): Promise<unknown> => JSON.parse((await redis.get(await listKey())) ?? 'null'),

    /** What it answers from Redis; undefined where it asks MySQL. @throws where it would answer 500 */
    read: async (id: string): Promise<unknown> => {
      for (const key of [`temp_order:${id}`, `orders:detail:${id}`]) {
        const hit = await redis.get(key);
        if (hit !== null) return JSON.parse(hit);
      }
      return undefined;
    },
  };
};
