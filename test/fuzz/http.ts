/** Requests as clients may send them: well-formed ones, nearly well-formed ones, and bytes. */
import * as fc from 'fast-check';
import { byteText, type Fields, headers, JSON_FIELD, knownField, NDJSON_FIELD, PASSWORD } from './fields.ts';
import { KNOWN, KNOWN_JOB, orderId, query, target, utf8 } from './targets.ts';
import { anyBytes, anyJson, anyText, damaged, mutated, validOrder, validStatus } from './values.ts';

/** How the length of a body is told; only the first two tell the truth. */
export type Framing = 'length' | 'chunked' | 'none' | 'short' | 'long' | 'both' | 'broken chunks';

export interface Request {
  /** Texts of one byte a character. In the target `KNOWN` may stand for the id of an order that there is, `KNOWN_JOB` for that of a job. */
  method: string;
  target: string;
  version: string;
  headers: Fields;
  body: Buffer;
  framing: Framing;
  /** Whether a write must be accepted, and not only that or refused for a reason. */
  isValid: boolean;
}

/** CONNECT is among the malformed ones: it has no path. */
const method = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'POST', 'PATCH', 'DELETE') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'TRACE', 'PROPFIND', 'M-SEARCH', 'QUERY'),
  },
);

const orderJson = validOrder.map((order) => JSON.stringify(order));
const statusUpdate = fc.record({ status: validStatus });
/** So few that they are there at once, or none. */
const seedRequest = fc.record({
  count: fc.oneof(fc.integer({ max: 3 }), fc.constantFrom(100_001, '1', 1.5, null)),
});
const letterChoice = fc.record({ job_ids: fc.array(anyText, { maxLength: 3 }) }, { requiredKeys: [] });
const anyBody = fc.oneof(
  { weight: 3, arbitrary: orderJson.map((json) => Buffer.from(json)) },
  { weight: 4, arbitrary: mutated(validOrder).map((json) => Buffer.from(json)) },
  { weight: 2, arbitrary: mutated(statusUpdate).map((json) => Buffer.from(json)) },
  {
    weight: 1,
    arbitrary: fc
      .oneof(seedRequest, statusUpdate, letterChoice)
      .map((value) => Buffer.from(JSON.stringify(value))),
  },
  { weight: 2, arbitrary: damaged(orderJson) },
  { weight: 2, arbitrary: anyJson.map((json) => Buffer.from(json)) },
  { weight: 1, arbitrary: anyBytes },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
);

const HTTP = 'HTTP/1.1';
const request = (
  parts: Partial<{ [Name in keyof Request]: fc.Arbitrary<Request[Name]> }>,
): fc.Arbitrary<Request> =>
  fc.record({
    method,
    target,
    version: fc.constant(HTTP),
    headers,
    body: anyBody,
    framing: fc.constantFrom<Framing>('length', 'length', 'length', 'chunked'),
    isValid: fc.constant(false),
    ...parts,
  });

const valid = (name: string, to: string, value: fc.Arbitrary<object>) =>
  request({
    method: fc.constant(name),
    target: fc.constant(to),
    headers: fc.constant<Fields>([JSON_FIELD]),
    body: value.map((json) => Buffer.from(JSON.stringify(json))),
    isValid: fc.constant(true),
  });
const validWrite = fc.oneof(
  { weight: 3, arbitrary: valid('POST', '/orders', validOrder) },
  { weight: 2, arbitrary: valid('PATCH', `/orders/${KNOWN}/status`, statusUpdate) },
  { weight: 1, arbitrary: valid('DELETE', `/orders/${KNOWN}`, fc.constant({})) },
  {
    weight: 1,
    arbitrary: valid('POST', '/orders/batch', fc.array(validOrder, { minLength: 1, maxLength: 5 })),
  },
);

/** A write whose client waits for its end. It may end badly, as others write to the same order. */
const waitedFor = validWrite.map(
  (one): Request => ({ ...one, headers: [...one.headers, ['prefer', 'wait=2']], isValid: false }),
);
/** What became of a job that was accepted. Nobody is ever told that there is none. */
const knownJob = fc.constantFrom('', '/events').map(
  (of): Request => ({
    method: 'GET',
    target: `/jobs/${KNOWN_JOB}${of}`,
    version: HTTP,
    headers: [],
    body: Buffer.alloc(0),
    framing: 'length',
    isValid: true,
  }),
);

/** Where the route is right and only one thing is odd, so that it gets past what comes first. */
const nearlyValid = fc.oneof(
  request({
    method: fc.constant('POST'),
    target: fc.constant('/orders/batch'),
    headers: headers.map((fields) => [...fields, NDJSON_FIELD]),
    body: fc
      .array(anyBody, { maxLength: 5 })
      .map((lines) => Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))),
  }),
  request({
    method: fc.constant('POST'),
    target: fc.constant('/orders/batch'),
    body: mutated(fc.array(validOrder, { maxLength: 3 })).map((json) => Buffer.from(json)),
  }),
  request({ method: fc.constant('POST'), target: fc.constant('/orders') }),
  request({ method: fc.constant('PATCH'), target: orderId.map((id) => utf8(`/orders/${id}/status`)) }),
  request({ method: fc.constant('DELETE'), target: orderId.map((id) => utf8(`/orders/${id}`)) }),
  request({
    method: fc.constant('GET'),
    target: query.map((text) => utf8(`/orders${text}`)),
    body: fc.constant(Buffer.alloc(0)),
  }),
  request({
    method: fc.constant('POST'),
    target: fc.constantFrom('/admin/seed', '/admin/dead-letters/replay'),
    headers: headers.map((fields) => [...fields, ['x-admin-password', PASSWORD]]),
    body: fc.oneof(seedRequest, letterChoice).map((value) => Buffer.from(JSON.stringify(value))),
  }),
  request({
    method: fc.constant('GET'),
    target: query.map((text) => utf8(`/admin/dead-letters${text}`)),
    headers: fc.constant<Fields>([['x-admin-password', PASSWORD]]),
    body: fc.constant(Buffer.alloc(0)),
  }),
);

/** What is no HTTP, or says two things at once. */
const malformed = request({
  // Whether an answer that is no answer to HEAD has a body only tells who has read the request.
  method: fc.oneof(
    method.filter((name) => name !== 'HEAD'),
    byteText,
    fc.constantFrom('get', 'G E T', '', 'CONNECT'),
  ),
  target: fc.oneof(target, byteText),
  version: fc.constantFrom(HTTP, HTTP, 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1 ', 'http/1.1', ''),
  headers: fc.array(
    fc.oneof(
      knownField,
      fc.tuple(byteText, byteText),
      fc.constantFrom<[string, string]>(
        ['host', 'second'],
        ['content-length', '5'],
        ['content-length', '-1'],
        ['content-length', '99999999999999999999'],
        ['transfer-encoding', 'chunked'],
        ['transfer-encoding', 'gzip, chunked'],
        ['transfer-encoding', 'nonsense'],
        ['large', 'x'.repeat(20_000)],
        [' folded', 'x'],
        ['a b', 'c'],
      ),
    ),
    { maxLength: 5 },
  ),
  framing: fc.constantFrom<Framing>('length', 'none', 'short', 'long', 'both', 'broken chunks'),
});
const tooLarge = valid('POST', '/orders', validOrder).map(
  (one): Request => ({ ...one, isValid: false, body: Buffer.alloc(1_200_000, ' ') }),
);

/** They change what all other requests find. */
const removeAll = fc.constantFrom('/admin/reset', '/admin/dead-letters/discard').map(
  (to): Request => ({
    method: 'POST',
    target: to,
    version: HTTP,
    headers: [['x-admin-password', PASSWORD]],
    body: Buffer.alloc(0),
    framing: 'length',
    isValid: true,
  }),
);

export const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  { weight: 20, arbitrary: validWrite },
  { weight: 4, arbitrary: waitedFor },
  { weight: 6, arbitrary: knownJob },
  { weight: 30, arbitrary: nearlyValid },
  { weight: 30, arbitrary: request({}) },
  { weight: 20, arbitrary: malformed },
  { weight: 1, arbitrary: tooLarge },
  { weight: 1, arbitrary: removeAll },
);
