/** The headers that calls take and answers have, as docs/openapi.json describes them. */
import { type TSchema, Type } from '@sinclair/typebox';

export const requestHeaders = {
  'Idempotency-Key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^[ -~]*$',
      description:
        'Chosen by the client: the same request with the same key is the same write, however often it comes. With quotes as in the IETF draft, or without.',
      examples: ['7f1c0e9a-order-of-ada'],
    }),
  ),
  Prefer: Type.Optional(
    Type.String({
      description:
        '`wait=N` (RFC 7240): the answer comes when the write is over, or after N seconds, 30 at the most.',
      examples: ['wait=10'],
    }),
  ),
  'Last-Event-ID': Type.Optional(
    Type.String({
      description: 'The id of the last event that the client has. `EventSource` sends it by itself.',
      examples: ['1764442800000-0.0'],
    }),
  ),
  'If-None-Match': Type.Optional(
    Type.String({
      description:
        'An `ETag` of an earlier answer: if it is still right, the answer is `304` without a body.',
      examples: ['W/"2jmj7l5rSw0yVb_vlWAYkK-YBwk"'],
    }),
  ),
  'Accept-Encoding': Type.Optional(
    Type.String({ description: 'A large body is compressed with `br` or `gzip`.', examples: ['br, gzip'] }),
  ),
} satisfies Record<string, TSchema>;
export type RequestHeader = keyof typeof requestHeaders;

const REQUEST_ID = { type: 'string', pattern: '^[\\w.:-]{1,64}$' };
/** A header that every call may have. */
export const requestId = {
  name: 'X-Request-Id',
  in: 'header',
  description:
    'An id by which the logs and the message of a write name the request. Any other text is ignored.',
  schema: REQUEST_ID,
  example: 'checkout-4711',
};

export const responseHeaders = {
  'X-Request-Id': {
    description: 'The id of the request: the one that came with it, or a new one.',
    required: true,
    schema: REQUEST_ID,
  },
  'Retry-After': {
    description: 'After how many seconds to try again.',
    required: true,
    schema: { type: 'integer', minimum: 0 },
  },
  Location: {
    description: 'Where to ask what becomes of the job.',
    required: true,
    schema: { type: 'string', format: 'uri-reference' },
  },
  'Preference-Applied': {
    description: 'How long the service has waited at the most, as `Prefer` asked for.',
    schema: { type: 'string', pattern: '^wait=\\d+$' },
  },
  'Idempotency-Replayed': {
    description: 'This is the answer to the first request with this `Idempotency-Key`.',
    schema: { type: 'string', const: 'true' },
  },
  ETag: {
    description: 'For `If-None-Match`. Absent from an answer that is too large to be kept.',
    schema: { type: 'string', pattern: '^W/"[^"]+"$' },
  },
  Link: {
    description:
      'The next page, if there is one: `<?…>; rel="next"`. Of a write that is over its job: `<…>; rel="monitor"` (RFC 8288).',
    schema: { type: 'string' },
  },
  'Cache-Control': {
    description:
      'Whether it may be kept: `no-cache` if the client asks each time whether it is still right, `no-store` not at all, or for good.',
    required: true,
    schema: { type: 'string', enum: ['no-cache', 'no-store', 'private, max-age=31536000, immutable'] },
  },
  'Set-Cookie': {
    description: 'The session. The cookie names no path: so it goes to the calls of the console only.',
    required: true,
    schema: { type: 'string', pattern: '; HttpOnly; SameSite=Strict' },
  },
  'Content-Encoding': {
    description: 'How the body is compressed.',
    schema: { type: 'string', enum: ['br', 'gzip'] },
  },
} satisfies Record<string, { description: string; required?: boolean; schema: object }>;
export type ResponseHeader = keyof typeof responseHeaders;
