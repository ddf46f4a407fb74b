/** Who may call /admin. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './errors.ts';

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

/** How clients write a text in a header: in UTF-8, or in Latin-1 where that has all its characters. */
const headerForms = (text: string): Buffer[] => {
  const latin1 = Buffer.from(text, 'latin1');
  return latin1.toString('latin1') === text ? [Buffer.from(text), latin1] : [Buffer.from(text)];
};

/** Whether bytes have one of the digests; all are compared, whatever comes of the first. */
const hasDigest = (bytes: Buffer, digests: Buffer[]): boolean => {
  const own = digest(bytes);
  return digests.filter((one) => timingSafeEqual(own, one)).length > 0;
};

/**
 * A preValidation hook that lets pass who gives the password, in the header X-Admin-Password or as `password`
 * in the JSON body. The time it takes says nothing about the password (equal lengths, constant-time comparison).
 */
export const requireAdmin = (adminPassword: string | undefined) => {
  const inBodies = [digest(Buffer.from(adminPassword ?? ''))];
  const inHeaders = headerForms(adminPassword ?? '').map(digest);

  return async ({ body, headers }: FastifyRequest) => {
    if (!adminPassword)
      throw new HttpError(500, 'ADMIN_PASSWORD is not set on this server.', 'admin_password_not_set');
    const given = headers['x-admin-password'];
    const inBody =
      typeof body === 'object' && body !== null && 'password' in body ? body.password : undefined;
    const isRight =
      given === undefined
        ? typeof inBody === 'string' && hasDigest(Buffer.from(inBody), inBodies)
        : // Node reads the bytes of a header as Latin-1.
          hasDigest(Buffer.from(String(given), 'latin1'), inHeaders);
    if (!isRight) throw new HttpError(401, 'Unauthorized.');
  };
};
