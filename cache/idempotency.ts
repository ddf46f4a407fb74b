/**
 * What became of requests with an Idempotency-Key
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/): `idempotency:{key}` holds the
 * request's fingerprint and, once there is one, its answer.
 */
import { keys } from './keys.ts';
import { type RedisLink, script } from './redis.ts';

/** What to do with a request: carry it out, give the answer of before, or refuse it. */
export type Claim = { kind: 'new' | 'other request' | 'in flight' } | { kind: 'answered'; answer: string };

/** KEYS: the record. ARGV: fingerprint, lease in seconds, TTL. Returns what a Claim is made from. */
const claim = script(`
local raw = redis.call('GET', KEYS[1])
local now = tonumber(redis.call('TIME')[1])
if raw then
  local record = cjson.decode(raw)
  if record.fingerprint ~= ARGV[1] then return 'other request' end
  if record.answer then return 'answered' .. record.answer end
  if record.lease > now then return 'in flight' end
end
redis.call('SET', KEYS[1], cjson.encode({ fingerprint = ARGV[1], lease = now + ARGV[2] }), 'EX', ARGV[3])
return 'new'
`);

const ANSWERED = 'answered';

/**
 * @param ttl seconds an answer is kept
 * @param lease seconds after which a request without an answer counts as lost with its process
 */
export const idempotencyRecords = ({ attempt }: RedisLink, ttl: number, lease: number) => ({
  /** Claims a key for a request. Where Redis is away every request is new: its ids follow from the key. */
  claim: (key: string, fingerprint: string): Promise<Claim> =>
    attempt<Claim>(
      async (redis) => {
        const found = String(await claim(redis, keys.idempotency(key), fingerprint, lease, ttl));
        if (found.startsWith(ANSWERED)) return { kind: 'answered', answer: found.slice(ANSWERED.length) };
        return { kind: found === 'other request' || found === 'in flight' ? found : 'new' };
      },
      { kind: 'new' },
    ),

  /** Keeps the answer of a request that was carried out. */
  answer: (key: string, fingerprint: string, answer: string): Promise<unknown> =>
    attempt(
      (redis) => redis.set(keys.idempotency(key), JSON.stringify({ fingerprint, answer }), 'EX', ttl),
      null,
    ),

  /** The request failed and may be tried again; another one with this key may not. */
  release: (key: string, fingerprint: string): Promise<unknown> =>
    attempt(
      (redis) => redis.set(keys.idempotency(key), JSON.stringify({ fingerprint, lease: 0 }), 'EX', ttl),
      null,
    ),
});
