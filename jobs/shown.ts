/** Changes what readers see of jobs that become dead letters or wait again. */
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Cache } from '../cache/cache.ts';
import { parseJob, readMembers, type WriteJob } from '../domain/jobs.ts';
import { Uuid } from '../domain/order.ts';

type Pending = Pick<Cache['pending'], 'giveUp' | 'putLater' | 'showStatus' | 'showDeleting'>;

const Traces = Type.Object({
  type: Type.String(),
  payload: Type.Object({ order_id: Uuid }),
  version: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
});

/**
 * Hides a job that has become a dead letter: readers see it no more. A job without a version is another publisher's.
 * Its orders may have pending copies without versions; its changes and deletes are shown by that publisher's own copies
 * only, for as long as those last.
 */
export const giveUpJob = async (
  pending: Pending,
  { type, payload, version }: Static<typeof Traces>,
): Promise<void> => {
  const isCreate = type === 'create_order';
  if (version !== undefined || isCreate) await pending.giveUp(payload.order_id, version ?? 0, isCreate);
};

/** The same for a message that may not be a valid job, as its publisher may have shown it all the same. */
export const giveUpMessage = async (pending: Pending, body: Buffer): Promise<void> => {
  const message = readMembers(body);
  if (Value.Check(Traces, message)) await giveUpJob(pending, message);
};

const jobOf = (body: Buffer): WriteJob | undefined => {
  try {
    return parseJob(body);
  } catch {
    return undefined;
  }
};

/** Shows a dead letter that waits again to readers as before, if it is a valid job with a version. */
export const showAgain = async (pending: Pending, body: Buffer): Promise<void> => {
  const job = jobOf(body);
  const version = job?.version;
  if (job === undefined || version === undefined) return;
  const { order_id } = job.payload;
  const again = { again: true };
  switch (job.type) {
    case 'create_order': {
      const { customer_name, status, items } = job.payload;
      return pending.putLater(
        order_id,
        JSON.stringify({ order_id, customer_name, status, items }),
        version,
        again,
      );
    }
    case 'update_order_status':
      return pending.showStatus(order_id, version, job.payload.status, again);
    case 'delete_order':
      return pending.showDeleting(order_id, version, again);
  }
};
