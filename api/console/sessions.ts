/**
 * Sessions of the console. A session is a cookie that says who signed in and until when, with a code (HMAC) that only
 * this service can make. Its key comes from the password itself, so every process on every machine knows all sessions,
 * nothing is stored, and a changed password ends the sessions that began with the old one. It comes by scrypt, so that
 * whoever has a cookie cannot quickly try passwords against it.
 */
import { createHash, createHmac, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { oneOf } from '../../domain/job-events.ts';
import type { Config } from '../../process/config.ts';
import type { Renewal } from '../../process/renewal.ts';

/** What a session may do: everything, or only look. */
export const roles = ['admin', 'reader'] as const;
export type Role = (typeof roles)[number];
export const Role = oneOf(roles);

export interface Session {
  role: Role;
  /** In milliseconds since 1970. */
  expiresAt: number;
}

const COOKIE = 'orders_console';
/** A working day; then one signs in again. */
const LASTS_MS = 12 * 3_600_000;
const KEY_BYTES = 32;
const toKey = promisify<string, string, number, Buffer>(scrypt);

const digest = (text: string) => createHash('sha256').update(text).digest();
const isSame = (text: string, other: string) => timingSafeEqual(digest(text), digest(other));

interface PasswordSetting {
  password: string | undefined;
  renewal?: Renewal;
}

/** A password as it is now, and the key that comes from it. */
const keyed = ({ password, renewal }: PasswordSetting) => {
  let known: { password: string; key: Promise<Buffer> } | undefined;
  return {
    /** Looks for a new password if it is in a file, once a second at most. */
    now: async (): Promise<string | undefined> => {
      await renewal?.again(renewal.now());
      return renewal?.now().password ?? password;
    },
    keyOf: (current: string): Promise<Buffer> => {
      if (known?.password !== current)
        known = { password: current, key: toKey(current, 'session of the console', KEY_BYTES) };
      return known.key;
    },
  };
};

const attributes = (isSecure: boolean) => `HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;

/** The values of our cookie in a header: a browser may have several, of different paths. */
const valuesIn = (cookies: string): string[] =>
  cookies
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(`${COOKIE}=`))
    .map((cookie) => cookie.slice(COOKIE.length + 1));

export type ConsoleSettings = Pick<Config, 'api' | 'reader'>;

/** @param now the time in milliseconds since 1970 */
export const createSessions = ({ api, reader }: ConsoleSettings, now: () => number = Date.now) => {
  const passwords = {
    admin: keyed({ password: api.adminPassword, ...(api.renewal && { renewal: api.renewal }) }),
    reader: keyed(reader),
  };
  const codeOf = async (role: Role, password: string, expiresAt: number): Promise<string> =>
    createHmac('sha256', await passwords[role].keyOf(password))
      .update(`${role}.${expiresAt}`)
      .digest('base64url');

  const read = async (value: string): Promise<Session | undefined> => {
    const [, role, expiry, code = ''] = /^(admin|reader)\.(\d{1,15})\.([\w-]{43})$/.exec(value) ?? [];
    const expiresAt = Number(expiry);
    if ((role !== 'admin' && role !== 'reader') || expiresAt <= now()) return undefined;
    const password = await passwords[role].now();
    if (!password) return undefined;
    return isSame(code, await codeOf(role, password, expiresAt)) ? { role, expiresAt } : undefined;
  };

  return {
    /** Whether anybody can sign in. */
    isOpen: async (): Promise<boolean> =>
      Boolean((await passwords.admin.now()) || (await passwords.reader.now())),

    /** Begins a session. @returns undefined if this is no password of ours */
    begin: async (password: string): Promise<(Session & { value: string }) | undefined> => {
      let found: Role | undefined;
      // Both are compared, so the time does not tell which of them there are.
      for (const role of [...roles].reverse()) {
        const own = (await passwords[role].now()) ?? '';
        if (isSame(password, own) && own !== '') found = role;
      }
      if (found === undefined) return undefined;
      const expiresAt = now() + LASTS_MS;
      return {
        role: found,
        expiresAt,
        value: `${found}.${expiresAt}.${await codeOf(found, password, expiresAt)}`,
      };
    },

    /** Finds the session of a request. @param cookies its header Cookie */
    find: async (cookies: string | undefined): Promise<Session | undefined> => {
      for (const value of cookies === undefined ? [] : valuesIn(cookies)) {
        const session = await read(value);
        if (session) return session;
      }
      return undefined;
    },

    /**
     * The header Set-Cookie. It names no path: so the browser sends the cookie to the console's own calls only, also
     * behind a proxy that adds a path (RFC 6265, 5.1.4).
     */
    cookie: (value: string, isSecure: boolean): string =>
      `${COOKIE}=${value}; Max-Age=${LASTS_MS / 1_000}; ${attributes(isSecure)}`,
    /** The header Set-Cookie that ends a session in the browser. */
    noCookie: (isSecure: boolean): string => `${COOKIE}=; Max-Age=0; ${attributes(isSecure)}`,
  };
};
export type Sessions = ReturnType<typeof createSessions>;
