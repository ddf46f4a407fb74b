/** Where requests go: paths that there are, paths that look like them, and queries. Texts of one byte a character. */
import * as fc from 'fast-check';
import { anyText } from './values.ts';

export const KNOWN = '@known@'.padEnd(36, '-');
export const KNOWN_JOB = '@job@'.padEnd(36, '-');

export const utf8 = (text: string) => Buffer.from(text).toString('latin1');

/** No blanks, control characters or bytes that end the request line early; those come with `byteText`. */
const pathSegment = fc.oneof(
  anyText.map(encodeLoosely),
  fc.webSegment(),
  fc.constantFrom(
    '',
    '.',
    '..',
    '%',
    '%2',
    '%zz',
    '%FF',
    '%00',
    '%2F',
    '%2e%2e',
    '*',
    ':id',
    'a'.repeat(5_000),
    'é',
  ),
);

/** Percent-encodes what would not get through; half surrogate pairs have no encoding. */
function encodeLoosely(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '?'));
}

export const orderId = fc.oneof(
  { weight: 4, arbitrary: fc.constant(KNOWN) },
  { weight: 2, arbitrary: fc.uuid() },
  { weight: 1, arbitrary: fc.uuid().map((id) => id.toUpperCase()) },
  { weight: 2, arbitrary: pathSegment },
);
const jobId = fc.oneof(fc.constant(KNOWN_JOB), fc.constant(KNOWN_JOB.toUpperCase()), orderId);
const PARAMETERS = [
  ...['limit', 'after', 'status', 'customer_name', 'count', 'offset', '__proto__', 'x', ''],
  ...['state', 'type', 'order_id', 'version', 'before'],
];
const parameter = fc.tuple(
  fc.constantFrom(...PARAMETERS),
  fc.oneof(
    fc.constantFrom(
      '1',
      '0',
      '-1',
      '1000',
      '1001',
      '1e3',
      '1.5',
      'true',
      'false',
      'yes',
      '',
      '%FF',
      '%',
      KNOWN,
    ),
    pathSegment,
  ),
);
export const query = fc.oneof(
  { weight: 2, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc
      .array(parameter, { maxLength: 4 })
      .map((all) => `?${all.map((one) => one.join('=')).join('&')}`),
  },
  { weight: 1, arbitrary: pathSegment.map((text) => `?${text}`) },
);
const PATHS = [
  '/orders',
  '/orders/batch',
  '/jobs',
  '/events',
  '/admin/seed',
  '/admin/dead-letters',
  '/admin/dead-letters/replay',
  '/health/live',
  '/health/ready',
  '/',
];
const path = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...PATHS) },
  { weight: 3, arbitrary: orderId.map((id) => `/orders/${id}`) },
  { weight: 3, arbitrary: orderId.map((id) => `/orders/${id}/status`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(orderId, fc.constantFrom('history', 'events'))
      .map(([id, of]) => `/orders/${id}/${of}`),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(jobId, fc.constantFrom('', '/events')).map(([id, of]) => `/jobs/${id}${of}`),
  },
  { weight: 2, arbitrary: fc.array(pathSegment, { maxLength: 4 }).map((all) => `/${all.join('/')}`) },
);
export const target = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(path, query).map((parts) => utf8(parts.join(''))) },
  { weight: 1, arbitrary: path.map((one) => `http://127.0.0.1${utf8(one)}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '*',
      '//',
      '///orders',
      'orders',
      '/orders/',
      '/ORDERS',
      '/orders;a=b',
      '/orders#x',
      `/${'a'.repeat(20_000)}`,
    ),
  },
);
