/** Header fields of requests: those that mean something here, and any others. */
import * as fc from 'fast-check';
import { anyBytes } from './values.ts';

/** Texts of one byte a character. */
export type Fields = [name: string, value: string][];

/** The service's own. */
export const PASSWORD = 'sesame';

export const byteText = anyBytes.map((bytes) => bytes.toString('latin1'));

const FIELD_VALUES: Record<string, string[]> = {
  'content-type': [
    'application/json',
    'application/json; charset=utf-8',
    'application/json; charset=utf-16',
    'application/json;',
    'APPLICATION/JSON',
    'application/problem+json',
    'application/x-ndjson',
    'application/x-www-form-urlencoded',
    'text/plain',
    'multipart/form-data; boundary=x',
    'nonsense',
    '/',
    '',
  ],
  'content-encoding': ['identity', 'gzip', 'br', 'nonsense', ''],
  'idempotency-key': ['key 1', 'key 2', 'key 3', '', 'x'.repeat(255), 'x'.repeat(256)],
  'x-admin-password': [PASSWORD, PASSWORD, PASSWORD, 'wrong', ''],
  'if-none-match': ['*', '"x"', 'W/"x"', '"', ''],
  'accept-encoding': ['gzip', 'br', 'gzip;q=0', '*;q=0.5, identity;q=0', 'gzip;q=nonsense', ',,,', ''],
  accept: ['*/*', 'application/json', 'application/problem+json', 'text/html', ''],
  // No longer than clients wait here: nobody may say how a job ends that was never given out.
  prefer: ['wait=1', 'respond-async, WAIT = "1"', 'wait=0', 'wait=abc', 'wait', 'x="wait=9', ''],
  'last-event-id': ['queued.0', 'succeeded.1', '1-1', '1-1.0', '99999999999999999999-0', 'x', ''],
  'x-request-id': ['abc', 'x'.repeat(65), 'a b', ''],
  connection: ['close', 'keep-alive', 'upgrade', 'x-request-id, close', ''],
  upgrade: ['websocket', 'h2c'],
  origin: ['http://example.com', 'null', ''],
  'access-control-request-method': ['POST', 'PUT', ''],
  'access-control-request-headers': ['x-admin-password', '*', ''],
  expect: ['100-continue', 'nonsense', ''],
  range: ['bytes=0-1', 'nonsense'],
  cookie: ['a=b', '='],
  'x-http-method-override': ['DELETE'],
  'x-forwarded-for': ['1.2.3.4', 'nonsense'],
  te: ['trailers'],
  trailer: ['x'],
};
/** What a field may hold by RFC 9110, 5.5: anything but control characters. */
const fieldValue = fc.oneof(
  fc.string({ maxLength: 100 }),
  byteText.map((text) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')),
  fc.constantFrom('x'.repeat(8_000), 'é'.repeat(300)),
);
export const knownField = fc
  .constantFrom(...Object.keys(FIELD_VALUES))
  .chain((name) =>
    fc.tuple(
      fc.constant(name),
      fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(...(FIELD_VALUES[name] ?? [])) },
        { weight: 1, arbitrary: fieldValue },
      ),
    ),
  );
const anyField = fc.tuple(fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/), fieldValue);
export const JSON_FIELD: Fields[number] = ['content-type', 'application/json'];
export const NDJSON_FIELD: Fields[number] = ['content-type', 'application/x-ndjson'];
/** With the content type that a body needs, or without it. */
export const headers = fc
  .tuple(
    fc.boolean(),
    fc.array(fc.oneof({ weight: 4, arbitrary: knownField }, { weight: 1, arbitrary: anyField }), {
      maxLength: 6,
    }),
  )
  .map(([isJson, fields]): Fields => (isJson ? [JSON_FIELD, ...fields] : fields));
