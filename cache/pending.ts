/**
 * Writes that were accepted and may not have reached MySQL yet: `temp_order:{id}`, a JSON object.
 *
 * What readers see of it is one of
 *   an order    {order_id, customer_name, status, items, version}   a POST, with the status of later PATCHes
 *   a status    {order_id, status, version}                         PATCHes of an order that only MySQL has
 *   a deletion  {order_id, deleted: true}                           a DELETE that was applied
 * and `deleting: true` in either of the first two is a DELETE that waits. Beside that it holds versions, as
 * digits, since Lua prints large numbers short:
 *   version     of the newest write that readers see
 *   reserved    the newest one handed out for a write to this order
 *   applied     the newest one that is in MySQL
 *
 * A write moves through it in three steps, each one script, so that writers never undo each other's:
 *   reserve     a version greater than all before, by Redis's clock, which all API processes share
 *   show        once the broker has confirmed it: readers see it, unless something newer is to be seen
 *   settle      once a consumer has applied it: what is seen expires, or is removed where MySQL is newer
 * The steps of one write may come in any order, and steps may be missing.
 */
import type { Redis } from 'ioredis';
import { readCompleteSince } from './complete-since.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { copyOf, type Pending, parse, tailOf } from './pending-copy.ts';
import { isAcrossSlots } from './redis.ts';
import { script } from './script.ts';

export type { Pending, Waiting } from './pending-copy.ts';

const showScript = script('show', 'version-of', 'copy');
const putBelowScript = script('put-below', 'version-of', 'copy');
const reserveScript = script('reserve', 'version-of');
const settleScript = script('settle', 'version-of', 'copy');
const removeScript = script('remove-up-to', 'version-of');
const giveUpScript = script('give-up', 'version-of', 'copy');

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

const settling = ({ orderId, state, versioned }: Settled) => [
  orderId,
  state,
  versioned ? '1' : '',
  state === 'deleted' ? '' : tailOf(state),
];

const chunksOf = <T>(list: T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));

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
  // Becomes 1 when Redis turns out to be a cluster.
  let settledTogether = SETTLED_TOGETHER;
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
          [keys.pending(orderId)],
          orderId,
          version,
          status,
          mode,
          waitingTtl,
          appliedTtl,
          latest(),
          again ? '1' : '',
        ),
      bytes: BYTES_PER_COPY,
    });
  const putCopy = async (redis: Redis, orderId: string, json: string, version: number, again = false) => {
    const key = keys.pending(orderId);
    if ((await redis.set(key, copyOf(json, version), 'EX', waitingTtl, 'NX')) === 'OK') return true;
    const put = await putBelowScript(redis, [key], json, version, waitingTtl, latest(), again ? '1' : '');
    return put === 1;
  };
  const unsee = (orderId: string, version: number, isCreate: boolean, isDead: boolean) =>
    tell({
      tell: (redis) =>
        giveUpScript(
          redis,
          [keys.pending(orderId)],
          orderId,
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
      attempt(async (redis) => {
        const raw = await redis.getBuffer(keys.pending(orderId));
        return raw === null ? undefined : parse(raw);
      }, undefined),

    /**
     * To be asked when `find` found no order: since when every accepted order that waits has a copy.
     * @returns microseconds since 1970, 'deleted' if the copy says so, or null if Redis cannot tell
     */
    completeSince: (orderId: string): Promise<number | 'deleted' | null> =>
      attempt(async (redis) => {
        // Another process may still be without Redis, and accept writes whose copies it puts later.
        if (isJustBack()) return null;
        // Read the copy once more, and before the time: a flush in between removes both.
        const [raw, since] = await Promise.all([
          redis.getBuffer(keys.pending(orderId)),
          readCompleteSince(redis, latest()),
        ]);
        const kind = raw === null ? undefined : parse(raw)?.kind;
        if (kind === 'order') return null;
        return kind === 'deleted' ? kind : since;
      }, null),

    /**
     * Shows a new order, unless it is there already, applied, or a dead letter.
     * @param json the order as readers get it
     * @returns whether it is shown from now on
     */
    put: (orderId: string, json: string, version: number): Promise<boolean> =>
      attempt((redis) => putCopy(redis, orderId, json, version), false),

    /**
     * Does the same, later if Redis is away, for an accepted order that could not be shown or that was a dead letter.
     */
    putLater: (orderId: string, json: string, version: number, { again }: Again = {}): Promise<void> =>
      tell({
        tell: (redis) => putCopy(redis, orderId, json, version, again),
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
        async (redis) =>
          Number(await reserveScript(redis, [keys.pending(orderId)], orderId, RESERVE_TTL, least, latest())),
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
              some.map(({ orderId }) => keys.pending(orderId)),
              appliedTtl,
              latest(),
              ...some.flatMap(settling),
            );
          const settleAll = () => Promise.all(chunksOf(orders, settledTogether).map(settleSome));
          try {
            await settleAll();
          } catch (error) {
            if (!isAcrossSlots(error)) throw error;
            settledTogether = 1;
            await settleAll();
          }
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
      eachKey(keys.pending('*'), (redis, key) => removeScript(redis, [key], version, latest())),
  };
};
