/** Reads an order: from its pending copy, then from the cache, then from MySQL. The answer is JSON, ready to send. */
import type { Cache } from '../../cache/cache.ts';
import { GUARDED_MS } from '../../cache/orders.ts';
import type { Pending, Waiting } from '../../cache/pending.ts';
import type { Database } from '../../db/client.ts';
import { findOrder, findVersion } from '../../db/orders.ts';
import { READ_WITHIN_MS, readInTime } from '../../db/reads.ts';
import type { Order } from '../../domain/order.ts';
import type { Clock } from '../../domain/versions.ts';
import { withDeadline } from '../../process/deadline.ts';
import type { Observer } from '../../process/observer.ts';
import { couldNotRead } from '../http/errors.ts';

/** How long a request waits to learn whether a pending copy is still right. */
const VERSION_WITHIN_MS = 500;

const withStatus = (json: Buffer, status: string): Buffer => {
  const order: Order = JSON.parse(json.toString());
  return Buffer.from(JSON.stringify({ ...order, status }));
};

interface Backends {
  database: Database;
  cache: Cache;
  clock: Clock;
  observer: Observer;
}

/**
 * @param trustMs how old a pending copy may be, in milliseconds, to be believed without asking MySQL. Ordinarily the
 *   consumer that applies a write settles its pending copy. If a copy is older than this, or older than the last return
 *   of Redis, either the write still waits, or the copy was not settled because Redis was away.
 * @returns functions that throw the database's error if only the database could answer and it does not
 */
export const orderReads = (
  { database: { orm, latest, replica }, cache, clock, observer }: Backends,
  trustMs: number,
) => {
  const { pending, orders, since } = cache;
  /** What the replica has of an order, if Redis knows of no change that it may not have. */
  const ofReplica = async (id: string) => {
    if (!replica?.isNear()) return undefined;
    // Both are asked at once, but nobody waits for a replica that may not have the last change.
    const finding = replica.findOrder(id);
    if (!(await orders.isUnchanged(id))) return undefined;
    const unchangedSince = performance.now() - GUARDED_MS;
    const found = await finding;
    return found && found.upTo >= unchangedSince ? found : undefined;
  };
  const query = async (id: string): Promise<Buffer | undefined> => {
    const asked = performance.now();
    const reset = orders.lastReset();
    const replicated = await ofReplica(id);
    if (replicated) {
      const json = Buffer.from(JSON.stringify(replicated.order));
      void orders.putDetail(id, json, reset, performance.now() - replicated.upTo);
      return json;
    }
    const { value: found, isReadOnly } = await withDeadline(
      latest(() => findOrder(orm, id)),
      READ_WITHIN_MS - (performance.now() - asked),
    );
    if (!found) return undefined;
    const json = Buffer.from(JSON.stringify(found));
    if (!isReadOnly) void orders.putDetail(id, json, reset);
    return json;
  };

  /** Requests that miss the same order at the same time share one query. */
  const queries = new Map<string, Promise<Buffer | undefined>>();
  const readApplied = (id: string): Promise<Buffer | undefined> => {
    const running = queries.get(id);
    if (running) return running;
    const started = query(id).finally(() => queries.delete(id));
    queries.set(id, started);
    return started;
  };

  /** Compares a pending copy that may have been left behind with MySQL. @returns what readers may see of it */
  const verified = async (id: string, write: Waiting): Promise<Pending | undefined> => {
    // If no clock can have given out the version, it tells neither the copy's age nor its place among the writes.
    const latest = clock.latest();
    const version = write.version <= latest ? write.version : 0;
    if (clock.age(version) < trustMs && version > since()) return write;
    try {
      const found = await readInTime(() => findVersion(orm, id), VERSION_WITHIN_MS);
      const state = typeof found === 'number' && found > latest ? 0 : found;
      if (state === undefined) return write;
      // The Flask service's writes have no version, and are newer than the version in their copy.
      const isOlder = (row: number) => (write.foreign ? row <= version : row < version);
      if (state !== 'deleted' && (write.deleting || isOlder(state))) return write;
      // The cached answer may be older than the commit, as nobody told Redis of that.
      await Promise.all([
        orders.invalidateDetails([id]),
        pending.settle([{ orderId: id, state, versioned: true }]),
      ]);
      return state === 'deleted' ? { kind: 'deleted' } : undefined;
    } catch (error) {
      if (couldNotRead(error)) return write;
      throw error;
    }
  };

  return {
    /** The order as all accepted writes leave it, in JSON; undefined if it is deleted or nothing is known of it. */
    one: async (id: string): Promise<Buffer | undefined> => {
      const { copy, cached } = await cache.read(id);
      observer.cacheAsked({ cache: 'pending', hit: copy !== undefined });
      if (copy === undefined) observer.cacheAsked({ cache: 'order', hit: cached !== undefined });
      const write = copy && copy.kind !== 'deleted' ? await verified(id, copy) : copy;
      if (write?.kind === 'deleted') return undefined;
      if (write?.kind === 'order') return write.json;
      // If MySQL is newer than the copy, the cached answer and a running query may be older than MySQL: ask once more.
      const applied = write === copy ? (cached ?? (await readApplied(id))) : await query(id);
      if (applied === undefined || write === undefined) return applied;
      return withStatus(applied, write.status);
    },
  };
};
