/** Reading orders: what is pending, then what is cached, then MySQL. The answers are JSON, ready to send. */
import type { Cache } from '../cache/cache.ts';
import type { Database } from '../db/client.ts';
import { findOrder, listOrders } from '../db/orders.ts';
import type { Order } from '../order.ts';

const toJson = ({ order_id, customer_name, status, items }: Order): string =>
  JSON.stringify({ order_id, customer_name, status, items });

/** @throws the database's error where only the database could answer and it does not */
export const orderReads = ({ orm }: Database, { pending, orders }: Cache) => {
  const readApplied = async (id: string): Promise<string | undefined> => {
    const order = await findOrder(orm, id);
    if (!order) return undefined;
    const json = toJson(order);
    void orders.putDetail(id, json);
    return json;
  };

  return {
    /** The order as all accepted writes leave it, or undefined. */
    one: async (id: string): Promise<string | undefined> => {
      const [write, cached] = await Promise.all([pending.find(id), orders.findDetail(id)]);
      if (write?.kind === 'deleted') return undefined;
      if (write?.kind === 'order') return toJson(write.order);
      const applied = cached ?? (await readApplied(id));
      if (applied === undefined || write === undefined) return applied;
      return toJson({ ...(JSON.parse(applied) as Order), status: write.status });
    },

    /** `{total_orders, orders}` of what is applied, newest first. */
    all: async (): Promise<string> => {
      const version = await orders.listVersion();
      const cached = version === null ? null : await orders.findList(version);
      if (cached !== null) return cached;
      const found = await listOrders(orm);
      const json = JSON.stringify({ total_orders: found.length, orders: found });
      if (version !== null) void orders.putList(version, json);
      return json;
    },
  };
};
