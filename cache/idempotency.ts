/**
 * What became of requests with an Idempotency-Key
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/): `idempotency:{key}` holds the
 * request's fingerprint and, once there is one, its answer. Each try that claims a key writes its own token into the
 * record, and changes the record only while its token is there. So a try whose lease ran out does not touch the record
 * of the next one.
 */
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { script } from './script.ts';

/**
 * What to do with a request: carry it out (new), give the earlier answer again (answered), or refuse it. `version` is
 * that of an earlier try which may have been accepted, so that the new try is the same write.
 */
export type Claim =
  | { kind: 'new'; version: number | undefined }
  | { kind: 'other request' }
  | { kind: 'in flight' }
  | { kind: 'answered'; answer: string };

/** One try to carry out a request. */
export interface Try {
  /** The name of the record, which follows from the key. */
  record: string;
  /** The hash of what the request means. */
  fingerprint: string;
  /** A text that no other try has. */
  token: string;
}

const claim = script('claim');

const change = script('change');

const removeClaim = script('remove-claim');

const ANSWERED = 'answered';
const NEW = 'new';

/**
 * The records of requests with an Idempotency-Key.
 * @param ttl seconds for which an answer is kept
 * @param lease seconds after which a request without an answer counts as lost, as its process died
 * @param latest returns the greatest version that anybody can have given out by now
 */
export const idempotencyRecords = (
  { attempt, eachKey }: RedisLink,
  { ttl, lease, latest }: { ttl: number; lease: number; latest: () => number },
) => ({
  /**
   * Claims a key for a request. If Redis is away every request counts as new, which is safe: its ids follow from the
   * key and the request. Never rejects.
   */
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

  /**
   * To be called before a write is published: keeps its version. If nobody learns whether the write was accepted,
   * another try uses this version and so is the same write. Never rejects.
   */
  keepVersion: ({ record, token }: Try, version: number): Promise<unknown> =>
    attempt((redis) => change(redis, [keys.idempotency(record)], token, '', 'version', version), null),

  /** Keeps the answer of a request that was carried out. Never rejects. */
  answer: ({ record, token }: Try, answer: string): Promise<unknown> =>
    attempt((redis) => change(redis, [keys.idempotency(record)], token, ttl, 'answer', answer), null),

  /**
   * To be called when a request failed: it may be tried again at once, but no other request may use its key. Never
   * rejects.
   * @param version that of the write if it may have been accepted, otherwise undefined
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
