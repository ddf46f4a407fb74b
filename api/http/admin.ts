/** Who may call /admin. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../../process/config.ts';
import { HttpError } from './errors.ts';

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

/** The bytes that clients may send for a text in a header: UTF-8, or Latin-1 if Latin-1 has all its characters. */
const headerForms = (text: string): Buffer[] => {
  const latin1 = Buffer.from(text, 'latin1');
  return latin1.toString('latin1') === text ? [Buffer.from(text), latin1] : [Buffer.from(text)];
};

/** Whether bytes have one of the digests. It compares with all of them, so its time does not tell which one fitted. */
const hasDigest = (bytes: Buffer, digests: Buffer[]): boolean => {
  const own = digest(bytes);
  return digests.filter((one) => timingSafeEqual(own, one)).length > 0;
};

/** A preValidation hook that throws an HttpError if a request may not pass. */
export type Guard = (request: FastifyRequest) => Promise<unknown>;

export type AdminSettings = Pick<Config['api'], 'adminPassword' | 'renewal'>;

/**
 * Makes a preValidation hook that lets a request pass if it gives the password, in the header X-Admin-Password or as
 * `password` in the JSON body. How long the hook takes says nothing about the password, as it compares digests of equal
 * length in constant time.
 * @param settings without `adminPassword` the server has none: then no request passes. With `renewal` the password is in
 *   a file, in which it is looked up again from time to time
 * @returns the hook. It throws HttpError 401 if the password is missing or wrong, and 500 if the server has none.
 */
export const requireAdmin = ({ adminPassword, renewal }: AdminSettings) => {
  const digestsOf = (password: string) => ({
    password,
    inBodies: [digest(Buffer.from(password))],
    inHeaders: headerForms(password).map(digest),
  });
  let digests = digestsOf(adminPassword ?? '');

  return async ({ body, headers }: Parameters<Guard>[0]): Promise<void> => {
    if (!adminPassword)
      throw new HttpError(500, 'ADMIN_PASSWORD is not set on this server.', 'admin_password_not_set');
    // Before the answer is known, so that an old password is of no more use either.
    await renewal?.again(renewal.now());
    const { password = digests.password } = renewal?.now() ?? {};
    if (password !== digests.password) digests = digestsOf(password);
    const { inBodies, inHeaders } = digests;
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
