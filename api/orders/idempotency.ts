/**
 * The Idempotency-Key header as the IETF draft describes it: the same key with the same request gives the first
 * answer again, with another request 422, and 409 while the first is in flight
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
 */
import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Cache } from '../../cache/cache.ts';
import { type Asked, digest, fingerprintOf } from '../../domain/keyed-ids.ts';
import { PublishError } from '../../queue/errors.ts';
import { HttpError } from '../http/errors.ts';
import type { Origin } from './writes.ts';

/** The draft has the key in quotes (a string of RFC 8941); most clients send it bare. */
const readKey = (header: string | string[] | undefined): string | undefined => {
  if (header === undefined) return undefined;
  const key = String(header).replace(/^"(.*)"$/, '$1');
  if (!/^[\x20-\x7e]{1,255}$/.test(key))
    throw new HttpError(400, 'Idempotency-Key must be 1 to 255 printable ASCII characters.');
  return key;
};

/**
 * Carries out a write once per Idempotency-Key; without the header, always.
 * @param accept carries it out and returns the body of its 202
 * @throws HttpError 400, 409 or 422, and whatever `accept` throws
 */
export const acceptOnce = async <T extends object>(
  { idempotency }: Cache,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  asked: Asked,
  accept: (origin: Origin) => Promise<T>,
): Promise<T> => {
  const key = readKey(request.headers['idempotency-key']);
  if (key === undefined) return accept({ requestId: request.id, keyed: undefined });

  const fingerprint = fingerprintOf(asked);
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
    return JSON.parse(claim.answer);
  }
  let { version } = claim;
  const keyed = {
    identity: { key, fingerprint },
    version,
    keepVersion: async (given: number) => {
      version = given;
      await idempotency.keepVersion(current, given);
    },
  };
  try {
    const accepted = await accept({ requestId: request.id, keyed });
    await idempotency.answer(current, JSON.stringify(accepted));
    return accepted;
  } catch (error) {
    // This try was refused, but an earlier one with the same key may have been accepted: its version is kept.
    const isUnknown = error instanceof PublishError && error.outcome === 'unknown';
    await idempotency.release(current, isUnknown ? version : claim.version);
    throw error;
  }
};
