/** Writes the text of the access log's lines, one for each HTTP request. */
import type { IncomingHttpHeaders, OutgoingHttpHeader } from 'node:http';
import { type Config, ConfigError } from '../../process/config.ts';

/** What one line says. If bytes could not be read as a request, only their answer is known; the rest is undefined. */
export type AccessLogEntry = {
  method: string | undefined;
  /** As requested: the path with its query. */
  url: string | undefined;
  httpVersion: string | undefined;
  statusCode: number;
  /** Undefined if the client was gone before its address was read. */
  remoteAddress: string | undefined;
  requestHeaders: IncomingHttpHeaders;
  /** Looks one header up: most formats name none, and copying all of them would cost more than the rest of the line. */
  responseHeader(name: string): OutgoingHttpHeader | undefined;
  /** The size of the body, without the headers. */
  bytesSent: number;
  durationMs: number | undefined;
  /** Epoch milliseconds. */
  finishedAt: number;
  requestId: string;
  pid: number;
};

/** Takes the value that a template names from an entry. If there is none it is undefined, and is printed as `-`. */
type Field = (entry: AccessLogEntry) => OutgoingHttpHeader | undefined;

const COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s';
const COMBINED = `${COMMON} "%(f)s" "%(a)s"`;

const SECRET_HEADERS = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'set-cookie',
  'x-admin-password',
]);

const absent: Field = () => undefined;
const path: Field = ({ url }) => url?.split('?', 1)[0];
const query: Field = ({ url }) => url?.slice(url.indexOf('?') + 1 || url.length);
const protocol: Field = ({ httpVersion }) => httpVersion && `HTTP/${httpVersion}`;
const microseconds = ({ durationMs }: AccessLogEntry) => durationMs && Math.round(durationMs * 1000);
/** Makes the field of the duration in another unit. */
const duration =
  (convert: (microseconds: number) => number | string): Field =>
  (entry) => {
    const us = microseconds(entry);
    return us === undefined ? undefined : convert(us);
  };

/** Gunicorn's atoms, except `t`: `clock` below makes that one. */
const ATOMS = new Map<string, Field>([
  ['h', (entry) => entry.remoteAddress],
  ['l', absent],
  // The service knows no user names.
  ['u', absent],
  ['r', ({ method, url, httpVersion }) => method && `${method} ${url} HTTP/${httpVersion}`],
  ['m', (entry) => entry.method],
  ['U', path],
  ['q', query],
  ['H', protocol],
  ['s', (entry) => entry.statusCode],
  ['B', (entry) => entry.bytesSent],
  ['b', (entry) => entry.bytesSent || undefined],
  ['f', (entry) => entry.requestHeaders.referer],
  ['a', (entry) => entry.requestHeaders['user-agent']],
  ['T', duration((us) => Math.floor(us / 1e6))],
  ['D', microseconds],
  ['M', duration((us) => Math.floor(us / 1000))],
  ['L', duration((us) => (us / 1e6).toFixed(6))],
  ['p', (entry) => `<${entry.pid}>`],
]);
const ATOM_NAMES = 'h l u t r m U q H s B b f a T D M L p {header}i {header}o {variable}e';

/** WSGI's variables that are not headers (PEP 3333), RAW_URI as gunicorn adds it, and the request's id. */
const VARIABLES = new Map<string, Field>([
  ['request_method', (entry) => entry.method],
  ['path_info', path],
  ['query_string', query],
  ['raw_uri', (entry) => entry.url],
  ['server_protocol', protocol],
  ['remote_addr', (entry) => entry.remoteAddress],
  ['request_id', (entry) => entry.requestId],
]);

const requestHeader = (name: string): Field =>
  SECRET_HEADERS.has(name) ? absent : (entry) => entry.requestHeaders[name];
const responseHeader = (name: string): Field =>
  SECRET_HEADERS.has(name) ? absent : (entry) => entry.responseHeader(name);

/** `HTTP_X_ID` is the header `x-id` (RFC 3875, 4.1.18). Environment variables of this process are never printed. */
const variable = (name: string): Field => {
  const [, headerName] = /^(?:http_)?((?<=http_).+|content_type|content_length)$/.exec(name) ?? [];
  if (headerName !== undefined) return requestHeader(headerName.replaceAll('_', '-'));
  return VARIABLES.get(name) ?? absent;
};

const named = (key: string): Field | undefined => {
  const [, name, kind] = /^\{(.+)\}([ioe])$/.exec(key.toLowerCase()) ?? [];
  if (name === undefined) return ATOMS.get(key);
  if (kind === 'e') return variable(name);
  return kind === 'i' ? requestHeader(name) : responseHeader(name);
};

/** The time as in `[21/Nov/2026:03:30:00 +0000]`; its text is made at most once a second. */
const clock = (): Field => {
  let second = Number.NaN;
  let text = '';
  return ({ finishedAt }) => {
    const now = Math.floor(finishedAt / 1000);
    if (now !== second) {
      const [, day, month, year, time] = new Date(now * 1000).toUTCString().split(' ');
      text = `[${day}/${month}/${year}:${time} +0000]`;
      second = now;
    }
    return text;
  };
};

/**
 * Clients choose what stands in a line, but must not choose where a field or the line ends: `"` and `\` get a
 * backslash, and control characters and bytes beyond ASCII (which Node reads as Latin-1) become `\xNN`, as in Apache's
 * logs.
 */
const escaped = (text: string): string =>
  text.replace(/[^ !#-[\]-~]/g, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

const shown = (value: OutgoingHttpHeader | undefined): string => {
  if (value === undefined) return '-';
  return typeof value === 'number'
    ? String(value)
    : escaped(typeof value === 'string' ? value : value.join(', '));
};

const json = (entry: AccessLogEntry): string => {
  const us = microseconds(entry);
  return JSON.stringify({
    log: 'access',
    time: new Date(entry.finishedAt).toISOString(),
    remote_address: entry.remoteAddress ?? null,
    method: entry.method ?? null,
    url: entry.url ?? null,
    status: entry.statusCode,
    bytes: entry.bytesSent,
    duration_ms: us === undefined ? null : us / 1000,
    referer: entry.requestHeaders.referer ?? null,
    user_agent: entry.requestHeaders['user-agent'] ?? null,
    request_id: entry.requestId,
  });
};

/** Begins a line on standard output, where the service's own log is too, if the line is not JSON, which says it. */
const MARK = 'access ';

/**
 * Compiles the format of the access log, and marks its lines where the service's own log is as well.
 * @param config `file` is `-` for standard output
 * @returns a function that makes the line of an entry, without its line end
 * @throws ConfigError with one sentence if the format is not valid
 */
export const accessLine = ({ file, format }: Config['accessLog']): ((entry: AccessLogEntry) => string) => {
  const lineOf = compileFormat(format);
  return file === '-' && format !== 'json' ? (entry) => `${MARK}${lineOf(entry)}` : lineOf;
};

/**
 * Compiles the format of the access log.
 * @param format `common` (NCSA), `combined` (Apache), `json`, or a template of gunicorn's atoms such as `%(h)s`
 * @returns a function that makes the line of an entry, without its line end
 * @throws ConfigError with one sentence that names ACCESS_LOG_FORMAT and says what is wrong with it
 */
export const compileFormat = (format: string): ((entry: AccessLogEntry) => string) => {
  if (format === 'json') return json;
  if (format === 'common') return compileFormat(COMMON);
  if (format === 'combined') return compileFormat(COMBINED);

  const time = clock();
  const part = (directive: string): string | Field => {
    if (directive === '%%') return '%';
    const [, key] = /^%\((.*)\)[sd]$/.exec(directive) ?? [];
    const field = key === 't' ? time : key && named(key);
    if (field) return field;
    throw new ConfigError(
      `ACCESS_LOG_FORMAT has the unknown atom ${directive}: expected common, combined, json, or a template of ${ATOM_NAMES} such as %(h)s, and %% for a percent sign.`,
    );
  };
  // The group makes split() return texts and directives in turn.
  const parts = format
    .split(/(%(?:\([^)]*\))?.?)/)
    .map((piece, index) => (index % 2 === 0 ? piece : part(piece)));
  if (parts.length === 1)
    throw new ConfigError(
      `ACCESS_LOG_FORMAT must be common, combined, json, or a template of ${ATOM_NAMES} such as %(h)s, got ${JSON.stringify(format)}.`,
    );
  return (entry) => {
    let line = '';
    for (const piece of parts) line += typeof piece === 'string' ? piece : shown(piece(entry));
    return line;
  };
};
