/**
 * What a job does to the database, in one transaction. Whatever the order in which jobs arrive, and however
 * often, an order ends as its versions say: a status is set only by a newer version, a job that comes before its
 * order waits for it, and after a delete the tombstone turns everything else into nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Orm, Transaction } from '../db/client.ts';
import { addToCount } from '../db/counts.ts';
import { isDuplicate } from '../db/errors.ts';
import {
  deleteOrder,
  findVersion,
  insertOrders,
  readLastReset,
  updateStatus,
  wasDeleted,
} from '../db/orders.ts';
import type { CreateJob, DeleteJob, UpdateJob, WriteJob } from '../order.ts';

/**
 * applied: the database has changed. unchanged: the job was applied before, or something newer was. void: it was
 * accepted before the last reset. order_not_found: its order is not there, or not yet. Where there is an order or
 * was one, `state` is the version of its newest write by now, or that it is deleted.
 */
export type Outcome =
  | { kind: 'applied' | 'unchanged'; state: number | 'deleted' }
  | { kind: 'void' | 'order_not_found' };

/** Why a job changed nothing. */
const unchanged = async (tx: Transaction, orderId: string): Promise<Outcome> => {
  const state = await findVersion(tx, orderId);
  return state === undefined ? { kind: 'order_not_found' } : { kind: 'unchanged', state };
};

const create = async (tx: Transaction, job: CreateJob, acceptedAt: Date): Promise<Outcome> => {
  const { payload: order, version = 0 } = job;
  try {
    await insertOrders(tx, [{ order, acceptedAt, version }]);
  } catch (error) {
    if (isDuplicate(error)) return unchanged(tx, order.order_id);
    throw error;
  }
  // Asked after the insert, which waits for a delete that is being committed: no order comes back in between.
  if (!(await wasDeleted(tx, order.order_id))) return { kind: 'applied', state: version };
  await deleteOrder(tx, order.order_id);
  return { kind: 'unchanged', state: 'deleted' };
};

const update = async (tx: Transaction, { payload, version }: UpdateJob): Promise<Outcome> => {
  if (!(await updateStatus(tx, payload.order_id, payload.status, version)))
    return unchanged(tx, payload.order_id);
  const state = version ?? (await findVersion(tx, payload.order_id)) ?? 0;
  return { kind: 'applied', state };
};

const remove = async (tx: Transaction, { payload }: DeleteJob): Promise<Outcome> =>
  (await deleteOrder(tx, payload.order_id))
    ? { kind: 'applied', state: 'deleted' }
    : unchanged(tx, payload.order_id);

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
    if (acceptedAt <= (await readLastReset(tx))) return { kind: 'void' };
    const outcome = await effect(tx, job, acceptedAt);
    if (outcome.kind === 'applied' && job.type !== 'update_order_status')
      await addToCount(tx, job.type === 'create_order' ? 1 : -1);
    if (outcome.kind === 'applied' && writeLagMs > 0) await sleep(writeLagMs);
    return outcome;
  });
