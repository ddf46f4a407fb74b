/** Who may call /admin. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './errors.ts';

const digest = (text: string) => createHash('sha256').update(text).digest();

/**
 * A preValidation hook that lets pass who gives the password, in the header X-Admin-Password or as `password`
 * in the JSON body. The time it takes says nothing about the password (equal lengths, constant-time comparison).
 */
export const requireAdmin = (adminPassword: string | undefined) => async (request: FastifyRequest) => {
  if (!adminPassword) throw new HttpError(500, 'ADMIN_PASSWORD is not set on this server.');
  const { body, headers } = request;
  const inBody = typeof body === 'object' && body !== null && 'password' in body ? body.password : undefined;
  const given = headers['x-admin-password'] ?? inBody;
  if (typeof given !== 'string' || !timingSafeEqual(digest(given), digest(adminPassword)))
    throw new HttpError(401, 'Unauthorized.');
};
