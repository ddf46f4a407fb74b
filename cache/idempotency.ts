/**
 * What became of requests with an Idempotency-Key
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/): `idempotency:{key}` holds the
 * request's fingerprint and, once there is one, its answer. Each try that claims a key writes a token of its own into
 * the record, and changes it only while that is there: one whose lease ran out leaves the next one's alone.
 */
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { script } from './redis.ts';

/**
 * What to do with a request: carry it out, give the answer of before, or refuse it. `version` is that of an earlier
 * try, which may have been accepted.
 */
export type Claim =
  | { kind: 'new'; version: number | undefined }
  | { kind: 'other request' }
  | { kind: 'in flight' }
  | { kind: 'answered'; answer: string };

/** One try to carry out a request. */
export interface Try {
  /** Of the key: the record's name. */
  record: string;
  /** Of what the request means. */
  fingerprint: string;
  /** No other try's. */
  token: string;
}

/**
 * KEYS: the record. ARGV: fingerprint, lease in seconds, TTL, token. Returns what a Claim is made from. A lease that
 * ends later than one given out now is from before Redis's clock was put right.
 */
const claim = script(`
local raw = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = tonumber(time[1])
local version
if raw then
  local record = cjson.decode(raw)
  if record.fingerprint ~= ARGV[1] then return 'other request' end
  if record.answer then return 'answered' .. record.answer end
  if record.lease > now and record.lease <= now + ARGV[2] then return 'in flight' end
  version = record.version
end
local claimed = {
  fingerprint = ARGV[1],
  token = ARGV[4],
  lease = now + ARGV[2],
  claimed = string.format('%.0f', time[1] * 1000000 + time[2]),
  version = version,
}
redis.call('SET', KEYS[1], cjson.encode(claimed), 'EX', ARGV[3])
return 'new' .. (version or '')
`);

/**
 * KEYS: the record. ARGV: token, TTL or '' to keep what is left of it, and what the record gets: a field and its value,
 * as text since Lua prints large numbers short. 'lease' of '' ends the lease.
 */
const change = script(`
local raw = redis.call('GET', KEYS[1])
if not raw then return end
local record = cjson.decode(raw)
if record.token ~= ARGV[1] then return end
for i = 3, #ARGV, 2 do record[ARGV[i]] = ARGV[i + 1] ~= '' and ARGV[i + 1] or nil end
if not record.lease then record.lease = 0 end
if ARGV[2] == '' then redis.call('SET', KEYS[1], cjson.encode(record), 'KEEPTTL')
else redis.call('SET', KEYS[1], cjson.encode(record), 'EX', ARGV[2]) end
`);

/** KEYS: the record. ARGV: version, the latest that can be. A record stays that was claimed later. */
const dropClaim = script(`
local ok, record = pcall(cjson.decode, redis.pcall('GET', KEYS[1]))
if ok and type(record) == 'table' then
  local claimed = tonumber(record.claimed) or 0
  if claimed > tonumber(ARGV[1]) and claimed <= tonumber(ARGV[2]) then return end
end
redis.call('UNLINK', KEYS[1])
`);

const ANSWERED = 'answered';
const NEW = 'new';

/**
 * @param ttl seconds an answer is kept
 * @param lease seconds after which a request without an answer counts as lost with its process
 * @param latest the greatest version that anybody can have given out by now
 */
export const idempotencyRecords = (
  { attempt, sweep }: RedisLink,
  { ttl, lease, latest }: { ttl: number; lease: number; latest: () => number },
) => ({
  /** Claims a key for a request. Where Redis is away every request is new: its ids follow from the key and it. */
  claim: ({ record, fingerprint, token }: Try): Promise<Claim> =>
    attempt<Claim>(
      async (redis) => {
        const found = String(await claim(redis, [keys.idempotency(record)], fingerprint, lease, ttl, token));
        if (found.startsWith(ANSWERED)) return { kind: 'answered', answer: found.slice(ANSWERED.length) };
        if (found === 'other request' || found === 'in flight') return { kind: found };
        return { kind: 'new', version: Number(found.slice(NEW.length)) || undefined };
      },
      { kind: 'new', version: undefined },
    ),

  /** Before a write is published: should nobody learn whether it was, another try is the same write. */
  keepVersion: ({ record, token }: Try, version: number): Promise<unknown> =>
    attempt((redis) => change(redis, [keys.idempotency(record)], token, '', 'version', version), null),

  /** Keeps the answer of a request that was carried out. */
  answer: ({ record, token }: Try, answer: string): Promise<unknown> =>
    attempt((redis) => change(redis, [keys.idempotency(record)], token, ttl, 'answer', answer), null),

  /**
   * The request failed and may be tried again; another one with this key may not.
   * @param version of a write that may have been accepted
   */
  release: ({ record, token }: Try, version: number | undefined): Promise<unknown> =>
    attempt(
      (redis) => change(redis, [keys.idempotency(record)], token, ttl, 'version', version ?? '', 'lease', ''),
      null,
    ),

  /** Drops the records of what was claimed up to a version, of all keys. @returns whether Redis did */
  drop: (version: number): Promise<boolean> =>
    sweep(keys.idempotency('*'), (redis, key) => dropClaim(redis, [key], version, latest())),
});
