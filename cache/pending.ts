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
 *   settle      once a consumer has applied it: what is seen expires, or is dropped where MySQL is newer
 * The steps of one write may come in any order, and steps may be missing.
 */
import type { Redis } from 'ioredis';
import { readCompleteSince } from './complete-since.ts';
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { isAcrossSlots, script } from './redis.ts';

/** What a reader lays over what it finds elsewhere; an order is JSON, ready to send. `version` is 0 where the writer gave none. */
export type Pending = Waiting | { kind: 'deleted' };
export type Waiting = { version: number; deleting: boolean } & (
  | { kind: 'order'; json: Buffer }
  | { kind: 'status'; status: string }
);

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

/** Orders that one command settles. While it does, some hundred microseconds, Redis answers nobody else. */
const SETTLED_TOGETHER = 50;

/** How long a reserved version waits to be shown, in seconds: longer than any publish. */
const RESERVE_TTL = 120;

/**
 * A version of a copy; 0 where it is from further ahead than any clock can be, so that one such number keeps nothing
 * that comes after it from being seen.
 */
const VERSION_OF = `
local function version_of(pending, field, latest)
  local version = tonumber(pending[field]) or 0
  return version <= latest and version or 0
end
`;

/**
 * KEYS: the pending copy. ARGV: order id, TTL of a reservation, the least version, the latest that can be. Returns the
 * version.
 */
const reserveScript = script(`
${VERSION_OF}
local raw = redis.call('GET', KEYS[1])
local pending = raw and cjson.decode(raw) or { order_id = ARGV[1] }
local time = redis.call('TIME')
local latest = tonumber(ARGV[4])
local version = math.max(version_of({ now = time[1] * 1000000 + time[2] }, 'now', latest), tonumber(ARGV[3]))
for _, field in ipairs({ 'version', 'reserved', 'applied' }) do
  version = math.max(version, version_of(pending, field, latest) + 1)
end
pending.reserved = string.format('%.0f', version)
if raw then redis.call('SET', KEYS[1], cjson.encode(pending), 'KEEPTTL')
else redis.call('SET', KEYS[1], cjson.encode(pending), 'EX', ARGV[2]) end
return pending.reserved
`);

/**
 * KEYS: the pending copy. ARGV: order id, version, status, 'deleting' or '', TTL waiting, TTL applied, the latest
 * version that can be.
 */
const showScript = script(`
${VERSION_OF}
local raw = redis.call('GET', KEYS[1])
local pending = raw and cjson.decode(raw) or { order_id = ARGV[1] }
local version, latest = tonumber(ARGV[2]), tonumber(ARGV[7])
local applied = version_of(pending, 'applied', latest)
if pending.deleted or pending.deleting then return end
if ARGV[4] == 'deleting' then pending.deleting = true
elseif version < version_of(pending, 'version', latest) or version < applied then return end
pending.status = ARGV[3]
pending.version = ARGV[2]
-- A delete that was applied would have been settled as such: a newer write in MySQL says nothing of it.
local settled = not pending.deleting and version <= applied
redis.call('SET', KEYS[1], cjson.encode(pending), 'EX', settled and ARGV[6] or ARGV[5])
`);

/**
 * KEYS: pending copies. ARGV: TTL, the latest version that can be, and of each copy its order id, the version in MySQL or 'deleted', '1' where the job
 * had a version, and how a copy ends that is as the POST of that version put it: of most orders nothing else was ever
 * written, and theirs needs neither to be decoded nor to be written anew. A copy that nobody can read keeps no other
 * from being settled.
 */
const settleScript = script(`
${VERSION_OF}
local ttl, latest = ARGV[1], tonumber(ARGV[2])
local function settle(key, id, state, versioned, tail)
  if state == 'deleted' then
    redis.call('SET', key, cjson.encode({ order_id = id, deleted = true }), 'EX', ttl)
    return
  end
  local raw = redis.call('GET', key)
  if raw and versioned and string.sub(raw, -string.len(tail)) == tail then
    redis.call('EXPIRE', key, ttl)
    return
  end
  local pending = raw and cjson.decode(raw) or { order_id = id }
  if pending.deleted then return end
  local applied = math.max(tonumber(state), version_of(pending, 'applied', latest))
  local seen = version_of(pending, 'version', latest)
  if pending.deleting or seen > applied then
    pending.applied = string.format('%.0f', applied)
    redis.call('SET', key, cjson.encode(pending), 'KEEPTTL')
    return
  end
  if seen < applied or not versioned then
    pending = { order_id = id, reserved = pending.reserved }
  end
  pending.applied = string.format('%.0f', applied)
  redis.call('SET', key, cjson.encode(pending), 'EX', ttl)
end
local problem
for i, key in ipairs(KEYS) do
  local ok, failure = pcall(settle, key, ARGV[4 * i - 1], ARGV[4 * i], ARGV[4 * i + 1] == '1', ARGV[4 * i + 2])
  if not ok then problem = failure end
end
return problem
`);

/**
 * KEYS: the pending copy. ARGV: version, the latest that can be. A copy stays that is of a newer write, or of one to
 * come.
 */
const dropScript = script(`
${VERSION_OF}
local ok, pending = pcall(cjson.decode, redis.pcall('GET', KEYS[1]))
if ok and type(pending) == 'table' then
  local latest = tonumber(ARGV[2])
  local newest = math.max(version_of(pending, 'version', latest), version_of(pending, 'reserved', latest))
  if newest > tonumber(ARGV[1]) then return end
end
redis.call('UNLINK', KEYS[1])
`);

/** KEYS: the pending copy. ARGV: version, '1' where it is a POST's. Others' copies of a POST stay: it may wait still. */
const giveUpScript = script(`
local raw = redis.call('GET', KEYS[1])
local pending = raw and cjson.decode(raw)
if pending and tonumber(pending.version) == tonumber(ARGV[1]) and (ARGV[2] == '1' or not pending.items) then
  redis.call('DEL', KEYS[1])
end
`);

/**
 * A copy that is as its POST put it ends in a space, which Lua never writes, and its version is in the last place:
 * what comes before is the answer to a reader, byte for byte.
 */
const VERSION_DIGITS = 16;
const VERSION_FIELD = ',"version":"';
const tailOf = (version: number): string =>
  `${VERSION_FIELD}${String(version).padStart(VERSION_DIGITS, '0')}"} `;
const copyOf = (order: string, version: number): string => `${order.slice(0, -1)}${tailOf(version)}`;
const TAIL_BYTES = tailOf(0).length;
const SPACE = 0x20;
const BRACE = 0x7d;

const asPut = (raw: Buffer): Pending | undefined => {
  const end = raw.length - TAIL_BYTES;
  const versionAt = end + VERSION_FIELD.length;
  if (raw.at(-1) !== SPACE || raw.toString('latin1', end, versionAt) !== VERSION_FIELD) return undefined;
  const version = Number(raw.toString('latin1', versionAt, versionAt + VERSION_DIGITS));
  raw[end] = BRACE;
  return { kind: 'order', json: raw.subarray(0, end + 1), version, deleting: false };
};

const parse = (raw: Buffer): Pending | undefined => {
  const copy = asPut(raw);
  if (copy) return copy;
  const { deleted, deleting = false, version = 0, ...seen } = JSON.parse(raw.toString());
  if (deleted) return { kind: 'deleted' };
  const common = { version: Number(version), deleting };
  const { order_id, customer_name, status, items } = seen;
  if (items) {
    const json = Buffer.from(JSON.stringify({ order_id, customer_name, status, items }));
    return { kind: 'order', json, ...common };
  }
  return status ? { kind: 'status', status, ...common } : undefined;
};

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
  { attempt, tell, sweep }: RedisLink,
  { waitingTtl, appliedTtl, latest }: { waitingTtl: number; appliedTtl: number; latest: () => number },
) => {
  // One by one once Redis turns out to be a cluster.
  let settledTogether = SETTLED_TOGETHER;
  const show = (orderId: string, version: number, status: string, mode: 'deleting' | '') =>
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
        ),
      bytes: BYTES_PER_COPY,
    });
  const putCopy = async (redis: Redis, orderId: string, copy: string): Promise<boolean> =>
    (await redis.set(keys.pending(orderId), copy, 'EX', waitingTtl, 'NX')) === 'OK';

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
        // Once more, and before the time: a flush in between leaves neither.
        const [raw, since] = await Promise.all([
          redis.getBuffer(keys.pending(orderId)),
          readCompleteSince(redis, latest()),
        ]);
        const kind = raw === null ? undefined : parse(raw)?.kind;
        if (kind === 'order') return null;
        return kind === 'deleted' ? kind : since;
      }, null),

    /**
     * Shows a new order, unless there is something of it already. Whether it was put.
     * @param json the order as readers get it
     */
    put: (orderId: string, json: string, version: number): Promise<boolean> =>
      attempt((redis) => putCopy(redis, orderId, copyOf(json, version)), false),

    /** Shows a new order that was accepted and could not be shown. */
    putLater: (orderId: string, json: string, version: number): Promise<void> =>
      tell({
        tell: (redis) => putCopy(redis, orderId, copyOf(json, version)),
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

    showStatus: (orderId: string, version: number, status: string): Promise<void> =>
      show(orderId, version, status, ''),

    showDeleting: (orderId: string, version: number): Promise<void> =>
      show(orderId, version, 'deleting', 'deleting'),

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

    /** A write is a dead letter: readers see it no more, unless something newer is to be seen. */
    giveUp: (orderId: string, version: number, isCreate: boolean): Promise<void> =>
      tell({
        tell: (redis) => giveUpScript(redis, [keys.pending(orderId)], version, isCreate ? '1' : ''),
        bytes: BYTES_PER_COPY,
      }),

    /** Drops what was written up to a version, of all orders. @returns whether Redis did */
    drop: (version: number): Promise<boolean> =>
      sweep(keys.pending('*'), (redis, key) => dropScript(redis, [key], version, latest())),

    remove: (orderId: string): Promise<void> =>
      attempt(async (redis) => {
        await redis.del(keys.pending(orderId));
      }, undefined),
  };
};
