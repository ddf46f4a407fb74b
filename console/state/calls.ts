/** Calls to the server. All URLs are relative to the page's, so that they are right behind a proxy that adds a path. */

/** Why a call has no answer that can be used. */
export class Failure extends Error {
  /** `away`: nothing can be had now, but perhaps in a moment. `signed-out`: sign in first. */
  readonly kind: 'away' | 'refused' | 'signed-out' | 'missing';
  readonly code: string;

  constructor(kind: Failure['kind'], sentence: string, code = '') {
    super(sentence);
    this.kind = kind;
    this.code = code;
  }
}

const UNREACHED = 'The API does not answer.';
/** How long an answer may take. Seeding and moving many dead letters take long. */
const WITHIN_MS = 15_000;
export const LONG_MS = 600_000;

const kindOf = (status: number): Failure['kind'] => {
  if (status === 401) return 'signed-out';
  if (status === 404 || status === 410) return 'missing';
  return status >= 502 ? 'away' : 'refused';
};

interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal | undefined;
  withinMs?: number;
}

/** Turns the body into its value. A number beyond 2^53 is none of the service's: bodies of messages come as text. */
const valueIn = (text: string): unknown => {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
};

const sentenceIn = (value: unknown): { error: string; code: string } => {
  const { error, code } = (value ?? {}) as { error?: unknown; code?: unknown };
  return {
    error: typeof error === 'string' ? error : 'The answer cannot be read.',
    code: typeof code === 'string' ? code : '',
  };
};

/**
 * Makes a call.
 * @param path as in `orders/…`
 * @returns the value of the answer's JSON, as its headers
 * @throws Failure, or the signal's reason
 */
export const callFully = async <T>(
  path: string,
  { method = 'GET', body, signal, withinMs = WITHIN_MS }: Call = {},
): Promise<{ value: T; headers: Headers }> => {
  const late = AbortSignal.timeout(withinMs);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, {
      method,
      cache: 'no-store',
      signal: signal ? AbortSignal.any([signal, late]) : late,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
    text = await answer.text();
  } catch {
    signal?.throwIfAborted();
    throw new Failure('away', UNREACHED);
  }
  const value = valueIn(text);
  if (answer.ok) return { value: value as T, headers: answer.headers };
  const { error, code } = sentenceIn(value);
  throw new Failure(kindOf(answer.status), error, code);
};

/** The same, without the headers. @throws Failure, or the signal's reason */
export const call = async <T>(path: string, options?: Call): Promise<T> =>
  (await callFully<T>(path, options)).value;

/** Where the next page begins, from the header Link. */
export const nextIn = (headers: Headers): URLSearchParams | undefined => {
  const [, query] = /<[^?>]*\?([^>]*)>; rel="next"/.exec(headers.get('link') ?? '') ?? [];
  return query === undefined ? undefined : new URLSearchParams(query);
};
