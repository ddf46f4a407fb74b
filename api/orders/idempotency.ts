/**
 * The Idempotency-Key header as the IETF draft describes it: if the same request comes again with the same key, it gets
 * the first answer again, or 409 while the first try is in flight. Another request with that key gets 422
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
 */
import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Cache } from '../../cache/cache.ts';
import { type Asked, digest, fingerprintOf, type Identity } from '../../domain/keyed-ids.ts';
import { PublishError } from '../../queue/errors.ts';
import { HttpError } from '../http/errors.ts';
import type { Origin } from './writes.ts';

/** Takes the key with quotes, as in the draft (a string of RFC 8941), and without, as most clients send it. */
const readKey = (header: string | string[] | undefined): string | undefined => {
  if (header === undefined) return undefined;
  const key = String(header).replace(/^"(.*)"$/, '$1');
  if (!/^[\x20-\x7e]{1,255}$/.test(key))
    throw new HttpError(400, 'Idempotency-Key must be 1 to 255 printable ASCII characters.');
  return key;
};

/** What is kept of an answer, and how the answer is made again. */
export interface Keeping<T> {
  /** Returns what is kept, or undefined if another try may come to more than this one and is to be carried out. */
  kept: (answer: T) => string | undefined;
  again: (kept: string, identity: Identity) => T;
}
const whole = {
  kept: (answer: object): string => JSON.stringify(answer),
  again: (kept: string) => JSON.parse(kept),
};

/**
 * Carries out a write once for each Idempotency-Key; a write without the header always.
 * @param asked what the request asks for: a key belongs to that
 * @param accept carries it out and returns the body of its 202
 * @param keeping what is kept of that body; by default all of it
 * @returns the body of the 202, from `accept` or from the first try
 * @throws HttpError 400 if the key is malformed, 409 or 422 as above, and whatever `accept` throws
 */
export const acceptOnce = <T extends object>(
  cache: Cache,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  asked: Asked,
  accept: (origin: Origin) => Promise<T>,
  keeping: Keeping<T> = whole,
): Promise<T> => {
  const key = readKey(request.headers['idempotency-key']);
  return key === undefined
    ? accept({ requestId: request.id, trace: request.trace, keyed: undefined })
    : acceptKeyed(cache, { request, reply, key }, asked, accept, keeping);
};

const acceptKeyed = async <T extends object>(
  { idempotency }: Cache,
  { request, reply, key }: { request: FastifyRequest; reply: FastifyReply; key: string },
  asked: Asked,
  accept: (origin: Origin) => Promise<T>,
  { kept, again }: Keeping<T>,
): Promise<T> => {
  const from = { requestId: request.id, trace: request.trace };
  const fingerprint = fingerprintOf(asked);
  const identity = { key, fingerprint };
  const current = { record: digest(key).digest('base64'), fingerprint, token: randomUUID() };
  const claim = await idempotency.claim(current);
  if (claim.kind === 'other request')
    throw new HttpError(422, 'This Idempotency-Key was used with another request.', 'idempotency_key_reused');
  if (claim.kind === 'in flight')
    throw new HttpError(
      409,
      'A request with this Idempotency-Key is still in flight.',
      'idempotency_key_in_flight',
    );
  if (claim.kind === 'answered') {
    reply.header('idempotency-replayed', 'true');
    return again(claim.answer, identity);
  }
  let { version } = claim;
  const keyed = {
    identity,
    version,
    keepVersion: async (given: number) => {
      version = given;
      await idempotency.keepVersion(current, given);
    },
  };
  try {
    const accepted = await accept({ ...from, keyed });
    const answer = kept(accepted);
    if (answer === undefined) await idempotency.release(current, claim.version);
    else await idempotency.answer(current, answer);
    return accepted;
  } catch (error) {
    // This try was refused, but an earlier one with the same key may have been accepted: its version is kept.
    const isUnknown = error instanceof PublishError && error.outcome === 'unknown';
    await idempotency.release(current, isUnknown ? version : claim.version);
    throw error;
  }
};
