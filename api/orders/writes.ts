/** Accepts writes: each becomes a durable message that the broker has confirmed, and a pending copy for readers. */
import type { Cache } from '../../cache/cache.ts';
import { createIds, placed } from '../../domain/ids.ts';
import { queuedEvent } from '../../domain/job-events.ts';
import { type JobType, type UpdateJob, writeJob } from '../../domain/jobs.ts';
import { type Identity, type Ids, keyedIds, keyedUuid } from '../../domain/keyed-ids.ts';
import { type NewOrder, type OrderContent, writeOrder } from '../../domain/order.ts';
import { type Clock, timeOf } from '../../domain/versions.ts';
import type { Story } from '../../jobs/story.ts';
import type { Observer } from '../../process/observer.ts';
import type { RequestTrace } from '../../process/tracing.ts';
import type { Broker } from '../../queue/broker.ts';
import { PublishError } from '../../queue/errors.ts';
import { AWAITED } from '../../queue/headers.ts';
import { readNumber } from '../http/input.ts';

export interface Accepted<T extends JobType> {
  job_id: string;
  job_type: T;
  status: 'queued';
  order_id: string;
  /** The place of the write among those to its order. */
  version: number;
}

/** Where a write comes from. */
export interface Origin {
  requestId: string;
  keyed: Keyed | undefined;
  /** The trace of the request; undefined if there is none. */
  trace: RequestTrace | undefined;
  /** Is told the id of the job before that is published, which waits for it. Absent if nobody wants to know. */
  register?: (jobId: string) => Promise<void>;
}

/** A write with an Idempotency-Key. Its ids follow from its identity, so a repeated try is the same write. */
export interface Keyed {
  identity: Identity;
  /** The version of an earlier try that may have been accepted; undefined if there is none. */
  version: number | undefined;
  /** Notes the version for the next try, before the write is published. */
  keepVersion(version: number): Promise<void>;
}

/** Takes an order's content from a body, without any other properties that came with it. */
export const contentOf = ({ customer_name, status = 'received', items }: NewOrder): OrderContent => ({
  customer_name,
  status,
  items: items.map(({ name, quantity }) => ({ name, quantity })),
});

/** Turns quantities that are numeric strings into numbers, as the service that this one replaces took those too. */
export const readNumericQuantities = (order: unknown): void => {
  const items = typeof order === 'object' && order !== null && 'items' in order ? order.items : undefined;
  if (Array.isArray(items)) for (const item of items) readNumber(item, 'quantity');
};

interface Backends {
  broker: Broker;
  cache: Cache;
  clock: Clock;
  story: Story;
  observer: Observer;
}

/** Each method resolves once the write is accepted. If it throws PublishError, no reader sees the write. */
export const orderWrites = ({ broker, cache: { pending, jobs }, clock, story, observer }: Backends) => {
  // Ids use the shared clock, so that their times can be compared with Redis's.
  const newId = createIds(() => Math.floor(clock.now() / 1_000));

  /** Publishes a job and waits for the broker's confirm. @param payload as JSON text @throws PublishError */
  const enqueue = async <T extends JobType>(
    type: T,
    order_id: string,
    payload: string,
    version: number,
    { requestId, keyed, trace, register }: Origin,
    job_id = keyed ? keyedUuid(keyed.identity, 'job') : newId(),
  ): Promise<Accepted<T>> => {
    const acceptedAt = timeOf(version);
    const job = writeJob({ jobId: job_id, type, payload, version, acceptedAt });
    if (register) await register(job_id);
    // In one turn with the publish, so that it takes no further round trip, and before it: a consumer that is done at once
    // must not tell of the job's end first.
    if (story.isTold) {
      const at = acceptedAt.getTime();
      const event = { jobId: job_id, type, orderId: order_id, version, acceptedAt: at, requestId };
      void jobs.accepted(job_id, queuedEvent(event));
    }
    const sending = trace?.send({ jobId: job_id, jobType: type, orderId: order_id });
    const published = performance.now();
    const confirmed = broker.accept(job, {
      // Two requests with one key may be in flight at once: their messages need different ids.
      messageId: keyed ? newId() : job_id,
      correlationId: requestId,
      timestamp: Math.floor(acceptedAt.getTime() / 1000),
      type,
      ...((sending || register) && {
        headers: { ...sending?.headers, ...(register && { [AWAITED]: true }) },
      }),
    });
    try {
      await confirmed;
    } catch (error) {
      sending?.over(error);
      const isRefused = error instanceof PublishError && error.outcome !== 'unknown';
      // An earlier try with the same key may have been accepted.
      if (story.isTold && isRefused && !keyed) void jobs.refused(job_id);
      throw error;
    }
    sending?.over();
    observer.writeAccepted({ jobType: type, confirmMs: performance.now() - published });
    return { job_id, job_type: type, status: 'queued', order_id, version };
  };

  /** Redis knows the order's last version, whichever process gave it. Without Redis this process's clock has to do. */
  const nextVersion = async (orderId: string, { keyed }: Origin): Promise<number> => {
    if (keyed?.version !== undefined && keyed.version <= clock.latest()) return keyed.version;
    const own = clock.next();
    const version = (await pending.reserve(orderId, own)) ?? own;
    clock.observe(version);
    await keyed?.keepVersion(version);
    return version;
  };

  return {
    /** Makes a function that returns the ids of an order in a batch by its place, 0 to 4095. */
    idsInBatch: ({ keyed }: Origin): ((place: number) => Ids) => {
      if (keyed) return keyedIds(keyed.identity);
      const first = newId();
      return (place) => ({ job_id: newId(), order_id: placed(first, place, newId()) });
    },

    /**
     * Puts the pending copy while the job is published: only the answer tells the id, so nobody reads it before.
     * @param ids those of an order in a batch; by default its own
     */
    create: async (content: OrderContent, origin: Origin, ids?: Ids) => {
      const { keyed } = origin;
      const order_id = ids?.order_id ?? (keyed ? keyedUuid(keyed.identity, 'order') : newId());
      const json = writeOrder(order_id, content);
      const version = clock.next();
      const put = pending.put(order_id, json, version, keyed !== undefined);
      try {
        const accepted = await enqueue('create_order', order_id, json, version, origin, ids?.job_id);
        if (!(await put)) await pending.putLater(order_id, json, version);
        return accepted;
      } catch (error) {
        await put;
        await pending.remove(order_id, version);
        throw error;
      }
    },

    /** The order can be read already, so the change is shown only after the confirm. */
    updateStatus: async ({ order_id, status }: UpdateJob['payload'], origin: Origin) => {
      const version = await nextVersion(order_id, origin);
      const payload = JSON.stringify({ order_id, status });
      const accepted = await enqueue('update_order_status', order_id, payload, version, origin);
      await pending.showStatus(order_id, version, status);
      return accepted;
    },

    /** The order can be read already, so the delete is shown only after the confirm. */
    remove: async (order_id: string, origin: Origin) => {
      const version = await nextVersion(order_id, origin);
      const accepted = await enqueue('delete_order', order_id, JSON.stringify({ order_id }), version, origin);
      await pending.showDeleting(order_id, version);
      return accepted;
    },
  };
};
