/** Accepting a write: a durable message that the broker has confirmed, and a pending copy for readers. */
import { v7 as uuidv7 } from 'uuid';
import type { Cache } from '../cache/cache.ts';
import type { JobType, NewOrder, Order, WriteJob } from '../order.ts';
import type { Broker } from '../queue/broker.ts';

export interface Accepted<T extends JobType> {
  job_id: string;
  job_type: T;
  status: 'queued';
  order_id: string;
}

/** Each method resolves once the write is accepted. @throws PublishError; then no reader sees the write */
export const orderWrites = (broker: Broker, { pending }: Cache) => {
  const enqueue = async <T extends JobType>(
    type: T,
    payload: Extract<WriteJob, { type: T }>['payload'],
    requestId: string,
  ): Promise<Accepted<T>> => {
    const job_id = uuidv7();
    const now = new Date();
    const job = { job_id, type, payload, accepted_at: now.toISOString() };
    await broker.publish(broker.queue, Buffer.from(JSON.stringify(job)), {
      messageId: job_id,
      correlationId: requestId,
      timestamp: Math.floor(now.getTime() / 1000),
      type,
    });
    return { job_id, job_type: type, status: 'queued', order_id: payload.order_id };
  };

  return {
    /** Nobody knows the id before the answer, so the pending copy may come before the confirm. */
    create: async ({ customer_name, status = 'received', items }: NewOrder, requestId: string) => {
      const order: Order = {
        order_id: uuidv7(),
        customer_name,
        status,
        items: items.map(({ name, quantity }) => ({ name, quantity })),
      };
      await pending.put(order);
      try {
        return await enqueue('create_order', order, requestId);
      } catch (error) {
        await pending.remove(order.order_id);
        throw error;
      }
    },

    /** Readers know this order: they see the change only once it is sure to come. */
    updateStatus: async (order_id: string, status: string, requestId: string) => {
      const accepted = await enqueue('update_order_status', { order_id, status }, requestId);
      await pending.putStatus(order_id, status);
      return accepted;
    },

    remove: async (order_id: string, requestId: string) => {
      const accepted = await enqueue('delete_order', { order_id }, requestId);
      await pending.putDeleting(order_id);
      return accepted;
    },
  };
};
