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

/** How long a version that was handed out, and that of a dead letter, is remembered, in seconds: longer than any publish. */
const RESERVE_TTL = 120;

/** What MySQL holds of an order once jobs are applied. */
export interface Settled {
  orderId: string;
  /** The version of its newest write, or that it is deleted. */
  state: number | 'deleted';
  /** Whether what readers see is as new as its version says: a job without a version may have changed it. */
  versioned: boolean;
}

/** About what a copy without its order, or what is to be told of one, takes in memory. */
const BYTES_PER_COPY = 300;

/** Whether the write was a dead letter and waits again. */
export interface Again {
  again?: boolean;
}

/** Orders that one command settles. While it does, some hundred microseconds, Redis answers nobody else. */
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
 * @param waitingTtl seconds a write stays readable while it waits to be applied
 * @param appliedTtl seconds it stays readable after
 * @param latest the greatest version that anybody can have given out by now
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
    find: (orderId: string): Promise<Pending | undefined> =>
      attempt(async (redis) => {
        const raw = await redis.getBuffer(keys.pending(orderId));
        return raw === null ? undefined : parse(raw);
      }, undefined),

    /**
     * Since when an order that was accepted and waits would have a copy, given that `find` found no order: microseconds
     * since 1970, 'deleted' where the copy says that, or null where Redis cannot say.
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
     * Shows a new order, unless it is there already, applied, or a dead letter. Whether it was put.
     * @param json the order as readers get it
     */
    put: (orderId: string, json: string, version: number): Promise<boolean> =>
      attempt((redis) => putCopy(redis, orderId, json, version), false),

    /** The same for an order that was accepted and could not be shown, or that comes back from the dead letters. */
    putLater: (orderId: string, json: string, version: number, { again }: Again = {}): Promise<void> =>
      tell({
        tell: (redis) => putCopy(redis, orderId, json, version, again),
        bytes: BYTES_PER_COPY + json.length * 2,
      }),

    /**
     * A version for a write to an order, greater than those of all writes before; null where Redis is away.
     * @param least what the caller's own clock says, which may have given out versions while Redis was away
     */
    reserve: (orderId: string, least = 0): Promise<number | null> =>
      attempt(
        async (redis) =>
          Number(await reserveScript(redis, [keys.pending(orderId)], orderId, RESERVE_TTL, least, latest())),
        null,
      ),

    showStatus: (orderId: string, version: number, status: string, again?: Again): Promise<void> =>
      show(orderId, version, status, '', again),

    showDeleting: (orderId: string, version: number, again?: Again): Promise<void> =>
      show(orderId, version, 'deleting', 'deleting', again),

    /** What MySQL holds after jobs were applied. */
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

    /** A write is a dead letter: readers see it no more, but what was before it. A POST takes its order with it. */
    giveUp: (orderId: string, version: number, isCreate: boolean): Promise<void> =>
      unsee(orderId, version, isCreate, true),

    /** A POST was refused: nothing of it is seen. */
    remove: (orderId: string, version: number): Promise<void> => unsee(orderId, version, true, false),

    /** Removes all pending copies of writes up to a version. @returns whether Redis did. Never rejects. */
    removeUpTo: (version: number): Promise<boolean> =>
      eachKey(keys.pending('*'), (redis, key) => removeScript(redis, [key], version, latest())),
  };
};
