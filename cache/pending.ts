/**
 * Writes that were accepted and may not have reached MySQL yet. The value of `temp_order:{id}` is JSON in one of
 * four forms:
 *
 *   an order      {order_id, customer_name, status, items}   a POST, with the status of later PATCHes
 *   a status      {order_id, status}                         a PATCH of an order that only MySQL has
 *   deleting      either of them with deleting: true         a DELETE that waits; no PATCH changes it any more
 *   deleted       {order_id, deleted: true}                  a DELETE that was applied
 */
import type { Order } from '../order.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './redis.ts';

/** What a reader lays over what it finds elsewhere. */
export type Pending =
  | { kind: 'order'; order: Order }
  | { kind: 'status'; status: string }
  | { kind: 'deleted' };

/** Lays a status over the pending copy in one step, so that two writers never undo each other's. */
const OVERLAY = `
local raw = redis.call('GET', KEYS[1])
local pending = raw and cjson.decode(raw) or { order_id = ARGV[1] }
if pending.deleted or pending.deleting then return end
pending.status = ARGV[2]
if ARGV[3] == 'deleting' then pending.deleting = true end
redis.call('SET', KEYS[1], cjson.encode(pending), 'EX', ARGV[4])
`;

const parse = (raw: string): Pending => {
  const { deleted, deleting: _, ...pending } = JSON.parse(raw);
  if (deleted) return { kind: 'deleted' };
  return pending.items ? { kind: 'order', order: pending } : { kind: 'status', status: pending.status };
};

/** @param ttl seconds a pending write stays readable */
export const pendingOrders = ({ attempt }: RedisLink, ttl: number) => {
  const overlay = (orderId: string, status: string, mode: 'patch' | 'deleting') =>
    attempt(async (redis) => {
      await redis.eval(OVERLAY, 1, keys.pending(orderId), orderId, status, mode, ttl);
    }, undefined);

  return {
    find: (orderId: string): Promise<Pending | undefined> =>
      attempt(async (redis) => {
        const raw = await redis.get(keys.pending(orderId));
        return raw === null ? undefined : parse(raw);
      }, undefined),

    put: (order: Order): Promise<void> =>
      attempt(async (redis) => {
        await redis.set(keys.pending(order.order_id), JSON.stringify(order), 'EX', ttl);
      }, undefined),

    putStatus: (orderId: string, status: string): Promise<void> => overlay(orderId, status, 'patch'),

    putDeleting: (orderId: string): Promise<void> => overlay(orderId, 'deleting', 'deleting'),

    /** Hides the order: also from an overlay that arrives late. */
    putDeleted: (orderId: string): Promise<void> =>
      attempt(async (redis) => {
        const deleted = JSON.stringify({ order_id: orderId, deleted: true });
        await redis.set(keys.pending(orderId), deleted, 'EX', ttl);
      }, undefined),

    remove: (orderId: string): Promise<void> =>
      attempt(async (redis) => {
        await redis.del(keys.pending(orderId));
      }, undefined),
  };
};
