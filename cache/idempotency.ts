/**
 * What became of requests with an Idempotency-Key
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/): `idempotency:{key}` holds the
 * request's fingerprint and, once there is one, its answer. Each try that claims a key writes a token of its own into
 * the record, and changes it only while that is there: one whose lease ran out leaves the next one's alone.
 */
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { script } from './script.ts';

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

const claim = script('claim');

const change = script('change');

const removeClaim = script('remove-claim');

const ANSWERED = 'answered';
const NEW = 'new';

/**
 * @param ttl seconds an answer is kept
 * @param lease seconds after which a request without an answer counts as lost with its process
 * @param latest the greatest version that anybody can have given out by now
 */
export const idempotencyRecords = (
  { attempt, eachKey }: RedisLink,
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

  /** Removes the records of all keys that were claimed up to a version. @returns whether Redis did. Never rejects. */
  removeUpTo: (version: number): Promise<boolean> =>
    eachKey(keys.idempotency('*'), (redis, key) => removeClaim(redis, [key], version, latest())),
});
