/**
 * The Idempotency-Key header as the IETF draft describes it: the same key with the same request gives the first
 * answer again, with another request 422, and 409 while the first is in flight
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Cache } from '../cache/cache.ts';
import { PublishError } from '../queue/publisher.ts';
import { HttpError } from './plugins/errors.ts';
import type { Origin } from './writes.ts';

const digest = (text: string) => createHash('sha256').update(text);

/** A UUID that follows from a key: version 8, of which 122 bits are ours to choose (RFC 9562, 5.8). */
export const keyedUuid = (key: string, purpose: 'job' | 'order'): string => {
  const bytes = digest(`${purpose}\n${key}`).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};

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
  request: FastifyRequest,
  reply: FastifyReply,
  accept: (origin: Origin) => Promise<T>,
): Promise<T> => {
  const key = readKey(request.headers['idempotency-key']);
  if (key === undefined) return accept({ requestId: request.id, keyed: undefined });

  const { method, url, body } = request;
  const fingerprint = digest(`${method} ${url}\n${JSON.stringify(body) ?? ''}`).digest('base64');
  const record = digest(key).digest('base64');
  const claim = await idempotency.claim(record, fingerprint);
  if (claim.kind === 'other request')
    throw new HttpError(422, 'This Idempotency-Key was used with another request.');
  if (claim.kind === 'in flight')
    throw new HttpError(409, 'A request with this Idempotency-Key is still in flight.');
  if (claim.kind === 'answered') {
    reply.header('idempotency-replayed', 'true');
    return JSON.parse(claim.answer);
  }
  let { version } = claim;
  const keyed = {
    key,
    version,
    keepVersion: async (given: number) => {
      version = given;
      await idempotency.keepVersion(record, given);
    },
  };
  try {
    const accepted = await accept({ requestId: request.id, keyed });
    await idempotency.answer(record, fingerprint, JSON.stringify(accepted));
    return accepted;
  } catch (error) {
    // Refused says nothing of an earlier try.
    const isUnknown = error instanceof PublishError && error.outcome === 'unknown';
    await idempotency.release(record, fingerprint, isUnknown ? version : claim.version);
    throw error;
  }
};
