/** What a job does to the database, in one transaction. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Orm, Transaction } from '../db/client.ts';
import { isDuplicate } from '../db/errors.ts';
import { deleteOrder, insertOrders, readLastReset, updateStatus, wasDeleted } from '../db/orders.ts';
import type { CreateJob, DeleteJob, UpdateJob, WriteJob } from '../order.ts';

/**
 * applied: the database has changed. unchanged: the job had been applied before, or its order was deleted since.
 * void: it was accepted before the last reset. order_not_found: its order is not there, or not yet.
 */
export type Outcome = 'applied' | 'unchanged' | 'void' | 'order_not_found';

const create = async (tx: Transaction, { payload: order }: CreateJob, acceptedAt: Date): Promise<Outcome> => {
  if (await wasDeleted(tx, order.order_id)) return 'unchanged';
  try {
    await insertOrders(tx, [{ order, acceptedAt }]);
    return 'applied';
  } catch (error) {
    if (isDuplicate(error)) return 'unchanged';
    throw error;
  }
};

const update = async (tx: Transaction, { payload }: UpdateJob): Promise<Outcome> => {
  if (await updateStatus(tx, payload.order_id, payload.status)) return 'applied';
  return (await wasDeleted(tx, payload.order_id)) ? 'unchanged' : 'order_not_found';
};

const remove = async (tx: Transaction, { payload }: DeleteJob): Promise<Outcome> => {
  if (await deleteOrder(tx, payload.order_id)) return 'applied';
  return (await wasDeleted(tx, payload.order_id)) ? 'unchanged' : 'order_not_found';
};

const effect = (tx: Transaction, job: WriteJob, acceptedAt: Date): Promise<Outcome> => {
  switch (job.type) {
    case 'create_order':
      return create(tx, job, acceptedAt);
    case 'update_order_status':
      return update(tx, job);
    case 'delete_order':
      return remove(tx, job);
  }
};

/**
 * Applies a job and commits.
 * @param acceptedAt when the write was accepted, as far as is known
 * @param writeLagMs how long the simulated slow database takes over a change before it commits
 * @throws the database's error; then nothing has changed, or (the connection was lost in the COMMIT) nobody can
 *   know, and applying the job once more is right either way
 */
export const applyJob = (orm: Orm, job: WriteJob, acceptedAt: Date, writeLagMs: number): Promise<Outcome> =>
  orm.transaction(async (tx) => {
    if (acceptedAt <= (await readLastReset(tx))) return 'void';
    const outcome = await effect(tx, job, acceptedAt);
    if (outcome === 'applied' && writeLagMs > 0) await sleep(writeLagMs);
    return outcome;
  });
