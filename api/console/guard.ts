/** Who may call the console's API. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../http/errors.ts';
import type { Session, Sessions } from './sessions.ts';

const otherOrigin = () =>
  new HttpError(403, 'Only the console itself may call this from a browser.', 'other_origin');
const isRead = ({ method }: FastifyRequest) => method === 'GET' || method === 'HEAD';

/** The host that a page came from; undefined if it is none, as of a page in a sandbox. */
const hostOf = (origin: string): string | undefined => {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
};

/**
 * Refuses what another page makes a browser send: the cookie goes with it if that page is on the same site, such as
 * another port of the host. Programs other than browsers send neither header, and no cookie that is not theirs.
 * (https://www.w3.org/TR/fetch-metadata/, https://fetch.spec.whatwg.org/#origin-header)
 * @throws HttpError 403
 */
export const requireSameOrigin = (request: FastifyRequest): void => {
  const { 'sec-fetch-site': site, origin, host } = request.headers;
  // `none`: somebody typed the URL.
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && isRead(request)))
    throw otherOrigin();
  if (origin !== undefined && hostOf(origin) !== host?.toLowerCase()) {
    // Behind a proxy that changes Host the first header alone can tell, where the browser sends it.
    if (site !== 'same-origin') throw otherOrigin();
  }
};

/** What all answers of the console's API have, and no page of another origin is let read. */
export const closeToOthers = (reply: FastifyReply): void => {
  reply.removeHeader('access-control-allow-origin');
  reply.removeHeader('access-control-expose-headers');
  reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
};

/** Whether the browser reaches us over TLS, as far as a proxy in front of us says. */
export const isSecure = ({ headers, protocol }: FastifyRequest): boolean =>
  protocol === 'https' || /^https\b/i.test(String(headers['x-forwarded-proto'] ?? ''));

/**
 * Makes a hook that lets a request pass if it has a session, and for a write one that may write.
 * @returns the hook, which returns the session. It throws HttpError 401 or 403
 */
export const requireSession =
  (sessions: Sessions) =>
  async (request: FastifyRequest): Promise<Session> => {
    const session = await sessions.find(request.headers.cookie);
    if (session === undefined) throw new HttpError(401, 'Sign in first: there is no session, or it is over.');
    if (session.role === 'reader' && !isRead(request))
      throw new HttpError(403, 'This session may only look.', 'read_only_session');
    return session;
  };
