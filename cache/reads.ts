/** Reading what Redis has of an order: its pending copy and its cached answer, with one command. */
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { answerIn, type cachedOrders } from './orders.ts';
import type { pendingOrders } from './pending.ts';
import { type Pending, parse } from './pending-copy.ts';
import { isAcrossSlots } from './redis.ts';

/** What Redis has of an order. */
export interface Found {
  copy: Pending | undefined;
  /** The cached answer to GET /orders/{id} as JSON. */
  cached: Buffer | null;
}

const NOTHING: Found = { copy: undefined, cached: null };

/**
 * Makes a function that reads an order's keys. It uses one command, and two once Redis turns out to be a cluster, where
 * keys of different slots cannot share one. It finds nothing if Redis is away, and never rejects.
 */
export const orderReader = (
  { attempt, isJustBack }: RedisLink,
  pending: Pick<ReturnType<typeof pendingOrders>, 'find'>,
  orders: Pick<ReturnType<typeof cachedOrders>, 'findDetail'>,
) => {
  let isCluster = false;
  const readTogether = (orderId: string): Promise<Found | undefined> =>
    attempt<Found | undefined>(async (redis) => {
      const mayBeOld = isJustBack();
      try {
        const [order, notes, detail] = await redis.mgetBuffer(
          keys.pending(orderId),
          keys.notes(orderId),
          keys.detail(orderId),
        );
        return { copy: parse(order ?? null, notes ?? null), cached: answerIn(detail, mayBeOld) };
      } catch (error) {
        if (!isAcrossSlots(error)) throw error;
        isCluster = true;
        return undefined;
      }
    }, NOTHING);

  return async (orderId: string): Promise<Found> => {
    const found = isCluster ? undefined : await readTogether(orderId);
    if (found) return found;
    const [copy, cached] = await Promise.all([pending.find(orderId), orders.findDetail(orderId)]);
    return { copy, cached };
  };
};
