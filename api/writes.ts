/** Accepting a write: a durable message that the broker has confirmed, and a pending copy for readers. */
import { v7 as uuidv7 } from 'uuid';
import type { Cache } from '../cache/cache.ts';
import type { JobType, NewOrder, Order, WriteJob } from '../order.ts';
import type { Broker } from '../queue/broker.ts';
import type { Clock } from './clock.ts';
import { keyedUuid } from './idempotency.ts';

export interface Accepted<T extends JobType> {
  job_id: string;
  job_type: T;
  status: 'queued';
  order_id: string;
}

/** Where a write comes from. */
export interface Origin {
  requestId: string;
  /** The client's Idempotency-Key: the write's ids follow from it, so that a retry is the same write. */
  key: string | undefined;
}

/** Each method resolves once the write is accepted. @throws PublishError; then no reader sees the write */
export const orderWrites = (broker: Broker, { pending }: Cache, clock: Clock) => {
  const enqueue = async <T extends JobType>(
    type: T,
    payload: Extract<WriteJob, { type: T }>['payload'],
    version: number,
    { requestId, key }: Origin,
  ): Promise<Accepted<T>> => {
    const job_id = key === undefined ? uuidv7() : keyedUuid(key, 'job');
    const now = new Date();
    const job = { job_id, type, payload, version, accepted_at: now.toISOString() };
    await broker.accept(Buffer.from(JSON.stringify(job)), {
      // Unique among the messages in flight, also when a keyed write is sent twice at once.
      messageId: key === undefined ? job_id : uuidv7(),
      correlationId: requestId,
      timestamp: Math.floor(now.getTime() / 1000),
      type,
    });
    return { job_id, job_type: type, status: 'queued', order_id: payload.order_id };
  };

  /** Redis knows the order's last version, whichever process gave it; without Redis the clock must do. */
  const nextVersion = async (orderId: string): Promise<number> => {
    const own = clock.next();
    const version = (await pending.reserve(orderId, own)) ?? own;
    clock.observe(version);
    return version;
  };

  return {
    /** Nobody knows the id before the answer, so the pending copy may come before the confirm. */
    create: async ({ customer_name, status = 'received', items }: NewOrder, origin: Origin) => {
      const order: Order = {
        order_id: origin.key === undefined ? uuidv7() : keyedUuid(origin.key, 'order'),
        customer_name,
        status,
        items: items.map(({ name, quantity }) => ({ name, quantity })),
      };
      const version = clock.next();
      const put = await pending.put(order, version);
      try {
        return await enqueue('create_order', order, version, origin);
      } catch (error) {
        if (put) await pending.remove(order.order_id);
        throw error;
      }
    },

    /** Readers know this order: they see the change only once it is sure to come. */
    updateStatus: async (order_id: string, status: string, origin: Origin) => {
      const version = await nextVersion(order_id);
      const accepted = await enqueue('update_order_status', { order_id, status }, version, origin);
      await pending.showStatus(order_id, version, status);
      return accepted;
    },

    remove: async (order_id: string, origin: Origin) => {
      const version = await nextVersion(order_id);
      const accepted = await enqueue('delete_order', { order_id }, version, origin);
      await pending.showDeleting(order_id, version);
      return accepted;
    },
  };
};
