/**
 * Writes that were accepted and may not have reached MySQL yet. An order has two keys, in the same slot of a cluster:
 *   temp_order:{id}                  the order as readers see it, with its items: {order_id, customer_name, status,
 *                                    items, version}. A later PATCH changes its status; 'deleting' means that a DELETE
 *                                    waits. The Flask service serves whatever is in this key, so it holds nothing else.
 *   order_writes:{temp_order:{id}}   notes about the order's writes, from the first PATCH or DELETE on: the versions
 *                                    that were reserved or applied, and what readers see of an order that only MySQL
 *                                    has: a status, or that a DELETE waits. `deleted` means that a DELETE was applied.
 *                                    scripts/copy.lua describes the format.
 * `version` is that of the newest write that readers see, in quotes, since Lua prints large numbers short.
 *
 * Both keys get the same TTL, but one of them may be left: Redis may evict one, and the Flask service sets a TTL of its
 * own. An order without notes counts as an order as it was posted, so if its newest write becomes a dead letter, the
 * earlier ones are not known any more. Notes without their order are laid over MySQL's order.
 *
 * A write moves through them in three steps, each one script, so that writers never undo each other's:
 *   reserve     a version greater than all before, by Redis's clock, which all API processes share
 *   show        once the broker has confirmed it: readers see it, unless something newer is to be seen
 *   settle      once a consumer has applied it: what is seen expires, or is removed if MySQL is newer
 * The steps of one write may come in any order, and steps may be missing.
 *
 * Two other writers may have left something in the first key: the Flask service, and an earlier version of this service,
 * which kept everything there. Both are understood (pending-copy.ts).
 */
import type { Redis } from 'ioredis';
import { readCompleteSince } from './complete-since.ts';
import { createGroups } from './groups.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { copyOf, type Pending, parse, tailOf } from './pending-copy.ts';
import { script } from './script.ts';

export type { Pending, Waiting } from './pending-copy.ts';

const showScript = script('show', 'show-newest', 'versions', 'patches', 'copy');
const putScript = script('put', 'versions', 'patches', 'copy');
const reserveScript = script('reserve', 'versions', 'newest');
const settleScript = script('settle', 'versions', 'patches', 'copy');
const removeScript = script('remove-up-to', 'versions', 'newest');
const giveUpScript = script('give-up', 'versions', 'patches', 'copy');

const keysOf = (orderId: string): [string, string] => [keys.pending(orderId), keys.notes(orderId)];

/** Reads both keys with one command, so that no script changes one of them in between. */
const find = async (redis: Redis, orderId: string): Promise<Pending | undefined> => {
  const [order, notes] = await redis.mgetBuffer(...keysOf(orderId));
  return parse(order ?? null, notes ?? null);
};

/**
 * For how many seconds the versions of reservations and of dead letters are remembered: longer than any publish takes.
 */
const RESERVE_TTL = 120;

/** What MySQL holds of an order after jobs were applied. */
export interface Settled {
  orderId: string;
  /** The version of its newest write, or 'deleted'. */
  state: number | 'deleted';
  /** False if a job without a version may have changed the order, so that its version does not tell how new it is. */
  versioned: boolean;
}

/** About how much memory a copy takes without its order, and so does what Redis is to be told of one. */
const BYTES_PER_COPY = 300;

/** `again` is true if the write was a dead letter and waits again. */
export interface Again {
  again?: boolean;
}

/** How many orders one command settles. It takes some hundred microseconds, in which Redis answers nobody else. */
const SETTLED_TOGETHER = 50;

const settling = ({ state, versioned }: Settled) => [
  state,
  versioned ? '1' : '',
  state === 'deleted' ? '' : tailOf(state),
];

/**
 * The pending copies. None of the methods rejects.
 * @param waitingTtl for how many seconds a write stays readable while it waits to be applied
 * @param appliedTtl for how many seconds it stays readable after that
 * @param latest returns the greatest version that anybody can have given out by now
 */
export const pendingOrders = (
  { attempt, tell, eachKey, isJustBack }: RedisLink,
  { waitingTtl, appliedTtl, latest }: { waitingTtl: number; appliedTtl: number; latest: () => number },
) => {
  const inGroups = createGroups(SETTLED_TOGETHER);
  const show = (
    orderId: string,
    version: number,
    status: string,
    mode: 'deleting' | '',
    { again = false }: Again = {},
  ) =>
    tell({
      tell: (redis) =>
        showScript(
          redis,
          keysOf(orderId),
          version,
          JSON.stringify(status),
          mode,
          waitingTtl,
          appliedTtl,
          latest(),
          again ? '1' : '',
        ),
      bytes: BYTES_PER_COPY,
    });
  const putOrder = async (redis: Redis, orderId: string, json: string, version: number, again = false) => {
    const copy = copyOf(json, version);
    const args = [copy, version, waitingTtl, latest(), again ? '1' : ''];
    return (await putScript(redis, keysOf(orderId), ...args)) === 1;
  };
  /** Does the same for an order whose id nobody knows yet, so it does no harm if the order is there for a moment. */
  const putNew = async (redis: Redis, orderId: string, json: string, version: number) => {
    const [order, notes] = keysOf(orderId);
    const [put, noted] = await Promise.all([
      redis.set(order, copyOf(json, version), 'EX', waitingTtl, 'NX'),
      redis.exists(notes),
    ]);
    if (noted === 0) return put === 'OK';
    // The job was faster than this command: it is applied already, or a dead letter.
    if (put === 'OK') await redis.unlink(order);
    return putOrder(redis, orderId, json, version);
  };
  const unsee = (orderId: string, version: number, isCreate: boolean, isDead: boolean) =>
    tell({
      tell: (redis) =>
        giveUpScript(
          redis,
          keysOf(orderId),
          version,
          isCreate ? '1' : '',
          appliedTtl,
          latest(),
          isDead ? '1' : '',
          RESERVE_TTL,
        ),
      bytes: BYTES_PER_COPY,
    });

  return {
    /** What readers see of the writes to an order that wait; undefined if there is nothing or Redis is away. */
    find: (orderId: string): Promise<Pending | undefined> =>
      attempt((redis) => find(redis, orderId), undefined),

    /**
     * To be asked when `find` found no order: since when every accepted order that waits has a copy.
     * @returns microseconds since 1970, 'deleted' if the copy says so, or null if Redis cannot tell
     */
    completeSince: (orderId: string): Promise<number | 'deleted' | null> =>
      attempt(async (redis) => {
        // Another process may still be without Redis, and accept writes whose copies it puts later.
        if (isJustBack()) return null;
        // Read the copy once more, and before the time: a flush in between removes both.
        const [found, since] = await Promise.all([find(redis, orderId), readCompleteSince(redis, latest())]);
        if (found?.kind === 'order') return null;
        return found?.kind === 'deleted' ? found.kind : since;
      }, null),

    /**
     * Shows a new order, unless it is there already, applied, or a dead letter.
     * @param json the order as readers get it
     * @param isKnown whether somebody may know the order's id already
     * @returns whether it is shown from now on
     */
    put: (orderId: string, json: string, version: number, isKnown = false): Promise<boolean> =>
      attempt((redis) => (isKnown ? putOrder : putNew)(redis, orderId, json, version), false),

    /**
     * Does the same, later if Redis is away, for an accepted order that could not be shown or that was a dead letter.
     */
    putLater: (orderId: string, json: string, version: number, { again }: Again = {}): Promise<void> =>
      tell({
        tell: (redis) => putOrder(redis, orderId, json, version, again),
        bytes: BYTES_PER_COPY + json.length * 2,
      }),

    /**
     * Reserves a version for a write to an order, greater than those of all earlier writes.
     * @param least the least that it may be. The caller's clock says it, as it may have given out versions without
     *   Redis
     * @returns the version, or null if Redis is away
     */
    reserve: (orderId: string, least = 0): Promise<number | null> =>
      attempt(
        async (redis) => Number(await reserveScript(redis, keysOf(orderId), RESERVE_TTL, least, latest())),
        null,
      ),

    /** Shows a PATCH that was accepted, unless readers see something newer. */
    showStatus: (orderId: string, version: number, status: string, again?: Again): Promise<void> =>
      show(orderId, version, status, '', again),

    /** Shows that a DELETE was accepted. */
    showDeleting: (orderId: string, version: number, again?: Again): Promise<void> =>
      show(orderId, version, 'deleting', 'deleting', again),

    /** Tells what MySQL holds of orders after jobs were applied. */
    settle: (orders: Settled[]): Promise<void> =>
      tell({
        tell: async (redis) => {
          const settleSome = (some: Settled[]) =>
            settleScript(
              redis,
              some.flatMap(({ orderId }) => keysOf(orderId)),
              appliedTtl,
              latest(),
              ...some.flatMap(settling),
            );
          await inGroups(orders, settleSome);
        },
        bytes: orders.length * BYTES_PER_COPY,
      }),

    /**
     * Tells that a write is a dead letter: readers see what they saw before that write.
     * @param isCreate whether it is a POST: then its order goes with it
     */
    giveUp: (orderId: string, version: number, isCreate: boolean): Promise<void> =>
      unsee(orderId, version, isCreate, true),

    /** Removes what a POST that was refused has put. */
    remove: (orderId: string, version: number): Promise<void> => unsee(orderId, version, true, false),

    /** Removes all pending copies of writes up to a version. @returns whether Redis did */
    removeUpTo: (version: number): Promise<boolean> =>
      eachKey(keys.pendingOrNotes, (redis, key) =>
        removeScript(redis, keysOf(keys.orderIdIn(key)), version, latest()),
      ),
  };
};
