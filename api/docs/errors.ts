/** Error answers, as docs/openapi.json describes them. */
import { type ErrorCode, errorCodes } from '../http/error-codes.ts';
import { PROBLEM_TYPE } from '../http/negotiation.ts';

/** A sentence for each code, as the service writes them. */
const sentences: Record<ErrorCode, string> = {
  invalid_input: 'items[0].quantity must be an integer from 1 to 2147483647, got 0.',
  unauthorized: 'Unauthorized.',
  other_origin: 'Only the console itself may call this from a browser.',
  read_only_session: 'This session may only look.',
  too_many_attempts: 'Too many wrong passwords: try again in 10 s.',
  route_not_found: 'There is no PUT /orders here.',
  order_not_found: "Order with ID '01a1fc79-708d-709e-9c18-29dbdfffe8dd' not found.",
  job_not_found: "Job with ID '01a1fc79-708f-7028-9eaa-63ae2e857997' not found.",
  history_not_kept: 'Nothing is told of jobs, as HISTORY_DAYS is 0.',
  write_cancelled: 'The write takes no effect: it was cancelled.',
  order_deleted: "The order with ID '01a1fc79-708d-709e-9c18-29dbdfffe8dd' has been deleted.",
  job_failed: 'The write could not be applied (crashed), and is a dead letter.',
  request_timeout: 'The request did not arrive in time.',
  idempotency_key_in_flight: 'A request with this Idempotency-Key is still in flight.',
  body_too_large: 'The request body is too large: at most 1048576 bytes are taken.',
  unsupported_media_type: 'Content-Type must be application/json, got "text/plain".',
  expectation_failed: 'Expect must be 100-continue, got "200-ok".',
  idempotency_key_reused: 'This Idempotency-Key was used with another request.',
  headers_too_large: 'The URL and the headers of the request are too large: at most 16384 bytes are taken.',
  internal_error: 'Internal server error.',
  admin_password_not_set: 'ADMIN_PASSWORD is not set on this server.',
  seed_incomplete: 'Only 2000 of 5000 fake orders were seeded.',
  queue_unavailable: 'Unable to queue order.',
  outcome_unknown:
    'Unable to queue order: whether it was queued is unknown, as the broker did not answer in time. A retry with the same Idempotency-Key is safe.',
  backlog_full: 'Too many writes are waiting.',
  database_unavailable: 'Unable to read orders.',
  order_state_unknown:
    "Whether there is an order with ID '01a1fc79-708d-709e-9c18-29dbdfffe8dd' cannot be known at the moment.",
  job_states_unknown: 'Which jobs wait cannot be known at the moment.',
  lists_busy: 'Too many large lists are being read.',
  reset_incomplete: 'Another reset is still at work.',
  unavailable: 'The server ends.',
};

type Errors = Record<number, readonly ErrorCode[]>;

/** What any call may be answered with. */
export const commonErrors: Errors = {
  400: ['invalid_input'],
  408: ['request_timeout'],
  415: ['unsupported_media_type'],
  417: ['expectation_failed'],
  431: ['headers_too_large'],
  500: ['internal_error'],
};

/** What any call that can have a body may be answered with besides. */
export const bodyErrors: Errors = { 413: ['body_too_large'] };

/** What the console's calls may be answered with besides: all, those that need a session, and those that change things. */
export const consoleErrors: Errors = { 403: ['other_origin'] };
export const sessionErrors: Errors = { 401: ['unauthorized'] };
export const consoleWriteErrors: Errors = { 403: ['read_only_session'] };

/** What any call of /admin may be answered with besides. */
export const adminErrors: Errors = {
  401: ['unauthorized'],
  500: ['admin_password_not_set'],
};

const sentenceOf = { type: 'string', description: 'A sentence for people. It may change.' };
const code = { $ref: '#/components/schemas/ErrorCode' };

/** The schemas that all error answers share. */
export const errorSchemas = {
  ErrorCode: {
    description: 'A word for programs. It stays.',
    oneOf: Object.entries(errorCodes).map(([word, description]) => ({ const: word, description })),
  },
  Error: {
    type: 'object',
    required: ['error', 'code'],
    properties: { error: sentenceOf, code },
  },
  Problem: {
    type: 'object',
    description: 'An error as RFC 9457 describes it.',
    required: ['type', 'title', 'status', 'detail', 'code'],
    properties: {
      type: { type: 'string', format: 'uri-reference', description: 'Where /docs says what the code means.' },
      title: { type: 'string', description: 'What the code means.' },
      status: { type: 'integer', minimum: 400, maximum: 599 },
      detail: sentenceOf,
      code,
    },
  },
};

const limited = (schema: string, codes: readonly ErrorCode[]) => ({
  allOf: [
    { $ref: `#/components/schemas/${schema}` },
    { type: 'object', properties: { code: { enum: codes } } },
  ],
});

/** The answer of a status with one of some codes. */
export const errorAnswerOf = (status: number, codes: readonly ErrorCode[]) => {
  const examples = (make: (code: ErrorCode) => object) =>
    Object.fromEntries(codes.map((code) => [code, { value: make(code) }]));
  return {
    description: codes.map((code) => errorCodes[code]).join(' Or: '),
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' },
      ...((status === 503 || status === 429) && {
        'Retry-After': { $ref: '#/components/headers/Retry-After' },
      }),
    },
    content: {
      'application/json': {
        schema: limited('Error', codes),
        examples: examples((code) => ({ error: sentences[code], code })),
      },
      [PROBLEM_TYPE]: {
        schema: limited('Problem', codes),
        examples: examples((code) => ({
          type: `/docs#error-${code}`,
          title: errorCodes[code],
          status,
          detail: sentences[code],
          code,
        })),
      },
    },
  };
};
