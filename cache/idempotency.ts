/**
 * What became of requests with an Idempotency-Key
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/): `idempotency:{key}` holds the
 * request's fingerprint and, once there is one, its answer.
 */
import { keys } from './keys.ts';
import { type RedisLink, script } from './redis.ts';

/**
 * What to do with a request: carry it out, give the answer of before, or refuse it. `version` is that of an earlier
 * try, which may have been accepted.
 */
export type Claim =
  | { kind: 'new'; version: number | undefined }
  | { kind: 'other request' }
  | { kind: 'in flight' }
  | { kind: 'answered'; answer: string };

/** KEYS: the record. ARGV: fingerprint, lease in seconds, TTL. Returns what a Claim is made from. */
const claim = script(`
local raw = redis.call('GET', KEYS[1])
local now = tonumber(redis.call('TIME')[1])
local version
if raw then
  local record = cjson.decode(raw)
  if record.fingerprint ~= ARGV[1] then return 'other request' end
  if record.answer then return 'answered' .. record.answer end
  if record.lease > now then return 'in flight' end
  version = record.version
end
local claimed = { fingerprint = ARGV[1], lease = now + ARGV[2], version = version }
redis.call('SET', KEYS[1], cjson.encode(claimed), 'EX', ARGV[3])
return 'new' .. (version or '')
`);

/** KEYS: the record. ARGV: the version, as digits, since Lua prints large numbers short. */
const keepVersion = script(`
local raw = redis.call('GET', KEYS[1])
if not raw then return end
local record = cjson.decode(raw)
record.version = ARGV[1]
redis.call('SET', KEYS[1], cjson.encode(record), 'KEEPTTL')
`);

const ANSWERED = 'answered';
const NEW = 'new';

/**
 * @param ttl seconds an answer is kept
 * @param lease seconds after which a request without an answer counts as lost with its process
 */
export const idempotencyRecords = ({ attempt }: RedisLink, ttl: number, lease: number) => ({
  /** Claims a key for a request. Where Redis is away every request is new: its ids follow from the key. */
  claim: (key: string, fingerprint: string): Promise<Claim> =>
    attempt<Claim>(
      async (redis) => {
        const found = String(await claim(redis, [keys.idempotency(key)], fingerprint, lease, ttl));
        if (found.startsWith(ANSWERED)) return { kind: 'answered', answer: found.slice(ANSWERED.length) };
        if (found === 'other request' || found === 'in flight') return { kind: found };
        return { kind: 'new', version: Number(found.slice(NEW.length)) || undefined };
      },
      { kind: 'new', version: undefined },
    ),

  /** Before a write is published: should nobody learn whether it was, another try is the same write. */
  keepVersion: (key: string, version: number): Promise<unknown> =>
    attempt((redis) => keepVersion(redis, [keys.idempotency(key)], version), null),

  /** Keeps the answer of a request that was carried out. */
  answer: (key: string, fingerprint: string, answer: string): Promise<unknown> =>
    attempt(
      (redis) => redis.set(keys.idempotency(key), JSON.stringify({ fingerprint, answer }), 'EX', ttl),
      null,
    ),

  /**
   * The request failed and may be tried again; another one with this key may not.
   * @param version of a write that may have been accepted
   */
  release: (key: string, fingerprint: string, version: number | undefined): Promise<unknown> =>
    attempt((redis) => {
      const record = { fingerprint, lease: 0, version: version && String(version) };
      return redis.set(keys.idempotency(key), JSON.stringify(record), 'EX', ttl);
    }, null),
});
