/** The API, as the command asks it. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { membersOf } from '../domain/jobs.ts';
import { CommandError, type Ending } from './exit.ts';
import type { Settings } from './settings.ts';

/** How long an answer may take. What takes longer by its nature says so. */
const ANSWER_WITHIN_MS = 60_000;

export interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** As it is sent. */
  body?: string;
  type?: string;
  headers?: Record<string, string | undefined>;
  /** Whether it is for who has the admin password. */
  admin?: boolean;
  /** Statuses that are answers, though they say that something is wrong. */
  also?: number[];
  /** How many milliseconds the answer may take; 0 for as long as it takes. */
  withinMs?: number;
}

/** An answer that is no error. */
export interface Answer {
  headers: IncomingHttpHeaders;
  /** The body as it came. */
  text: string;
}

/** Errors whose status does not tell how the command ends. */
const endings: Record<string, Ending> = {
  admin_password_not_set: 'notAllowed',
  backlog_full: 'failed',
  lists_busy: 'failed',
  job_states_unknown: 'away',
};
const endingOf = (status: number, code: unknown): Ending => {
  const known = typeof code === 'string' ? endings[code] : undefined;
  if (known) return known;
  if (status === 401 || status === 403) return 'notAllowed';
  if (status === 400) return 'usage';
  return status >= 502 && status <= 504 ? 'away' : 'failed';
};

/** The members of a JSON object; undefined if the text is none. */
const parsed = (body: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? membersOf(value) : undefined;
  } catch {
    return undefined;
  }
};

/** The URL of a path of the API, which a proxy may have put below a path of its own. */
const within = (base: URL, path: string): URL => new URL(`${base.pathname.replace(/\/$/, '')}${path}`, base);

/** Sends a request. @returns the response once its headers are there @throws the error of the connection */
const send = (
  url: URL,
  { method = 'GET', body, type = 'application/json', headers = {}, withinMs }: Call,
  signal?: AbortSignal,
) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const make = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const given = { ...headers, ...(body !== undefined && { 'content-type': type }) };
    const known = Object.entries(given).filter(([, value]) => value !== undefined);
    const asked = make(url, { method, agent: false, headers: Object.fromEntries(known), signal }, resolve);
    asked.on('error', reject);
    asked.setTimeout(withinMs ?? ANSWER_WITHIN_MS, () => asked.destroy(new Error('no answer in time')));
    // Of a text Node would write the headers as UTF-8 too, together with it.
    asked.end(body === undefined ? undefined : Buffer.from(body));
  });

/**
 * @returns how to ask the API; each call throws CommandError with a sentence if there is no answer, or if it is an error
 */
export const openApi = ({ url: base, password }: Settings) => {
  const shownUrl = new URL(base);
  shownUrl.username = '';
  shownUrl.password = '';
  const url = shownUrl.href.replace(/\/$/, '');
  const isNear = ['127.0.0.1', '[::1]', 'localhost'].includes(base.hostname);

  const away = (error: unknown, what: string): CommandError => {
    const reason = error instanceof Error && 'code' in error ? error.code : membersOf(error).message;
    if (reason !== 'ECONNREFUSED' && reason !== 'ENOTFOUND')
      return new CommandError(`The API at ${url} did not answer to ${what} (${reason}).`, 'away');
    const hint = isNear ? ': start it with ./start_services.sh or npm start' : ` (${reason})`;
    return new CommandError(`The API does not answer at ${url}${hint}.`, 'away');
  };

  const refusal = (status: number, body: string): CommandError => {
    const { error, code } = parsed(body) ?? {};
    const ending = endingOf(status, code);
    if (status === 401)
      return new CommandError(
        `The API at ${url} was started with another ADMIN_PASSWORD than this one.`,
        ending,
      );
    if (typeof error === 'string') return new CommandError(error, ending);
    return new CommandError(`What answers at ${url} is not Orders (status ${status}).`, ending);
  };

  const noPassword = () =>
    new CommandError(
      'ADMIN_PASSWORD is not set: set it to the password that the API was started with, in .env or the environment.',
      'notAllowed',
    );

  /** Asks, and returns the response before its body is there. */
  const open = async (path: string, call: Call = {}, signal?: AbortSignal): Promise<IncomingMessage> => {
    if (call.admin && !password) throw noPassword();
    // Node writes the characters of a header as Latin-1.
    const own = call.admin && { 'x-admin-password': Buffer.from(password ?? '').toString('latin1') };
    const what = `${call.method ?? 'GET'} ${path.split('?')[0]}`;
    const response = await send(
      within(base, path),
      { ...call, headers: { ...call.headers, ...own } },
      signal,
    ).catch((error) => {
      throw signal?.aborted ? error : away(error, what);
    });
    const { statusCode = 0 } = response;
    if (statusCode < 300 || call.also?.includes(statusCode)) return response;
    throw refusal(
      statusCode,
      await text(response).catch((error) => {
        throw away(error, what);
      }),
    );
  };

  const ask = async (path: string, call: Call = {}): Promise<Answer> => {
    const response = await open(path, call);
    try {
      return { headers: response.headers, text: await text(response) };
    } catch (error) {
      throw away(error, `${call.method ?? 'GET'} ${path.split('?')[0]}`);
    }
  };

  return {
    /** Where it is, without a password that is in its URL. */
    url,
    open,
    ask,
    /** Begins a session of the console. @returns the header Cookie of its calls */
    signIn: async (): Promise<string> => {
      if (!password) throw noPassword();
      const body = JSON.stringify({ password });
      const { headers } = await ask('/console/api/session', { method: 'POST', body });
      return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    },
    /** @returns the answer's members. The service's own: only that it is an object is checked. */
    get: async <T extends object>(path: string, call?: Call): Promise<T & { text: string }> => {
      const { text: body } = await ask(path, call);
      const members = parsed(body);
      if (members === undefined) throw new CommandError(`What answers at ${url} is not Orders.`);
      return { ...(members as T), text: body };
    },
  };
};
export type Api = ReturnType<typeof openApi>;
