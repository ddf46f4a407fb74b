/** Tells Redis what MySQL holds once jobs are applied. */
import type { Cache } from '../cache/cache.ts';
import type { Applied, Entry } from './applied.ts';

/**
 * Settles the orders of a batch. That includes orders of jobs that changed nothing, as the process that applied these
 * jobs may have died before it settled them.
 */
export const settleOrders = async (
  cache: Cache,
  batch: Entry[],
  { verdicts, states }: Applied,
): Promise<void> => {
  const newest = new Map<string, number>();
  const unversioned = new Set<string>();
  /** The orders that may have a cached answer. A new order has none. */
  const changed = new Set<string>();
  for (const { job } of batch) {
    const { order_id: id } = job.payload;
    const verdict = verdicts.get(job);
    if (verdict !== 'applied' && verdict !== 'unchanged' && verdict !== 'superseded') continue;
    newest.set(id, Math.max(newest.get(id) ?? 0, job.version ?? 0));
    if (job.version === undefined) unversioned.add(id);
    if (job.type !== 'create_order') changed.add(id);
  }
  const settled = [...newest].flatMap(([orderId, version]) => {
    const state = states.get(orderId);
    if (state === undefined) return [];
    // A POST that was repeated with its Idempotency-Key has a newer version than the row that the first one made. It
    // waits no more, and its pending copy may show less than the row.
    const isRepeated = state !== 'deleted' && state < version;
    return {
      orderId,
      state: isRepeated ? version : state,
      versioned: !isRepeated && !unversioned.has(orderId),
    };
  });
  if (settled.length === 0) return;
  await Promise.all([
    // First the cached answers, as readers see them once the pending copies are gone.
    cache.orders.invalidateDetails([...changed]),
    cache.pending.settle(settled),
    cache.lists.invalidate(),
  ]);
};
