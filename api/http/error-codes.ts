/** The words by which programs tell errors apart, with their meaning. docs/ERRORS.md shows the same list to clients. */

export const errorCodes = {
  invalid_input: 'Something of the request is not as expected; the sentence names what.',
  unauthorized: 'The password is missing or wrong, or the session of the console is over.',
  other_origin: 'A page of another origin has made the browser call the console.',
  read_only_session: 'The session of the console was begun with the password that may only look.',
  too_many_attempts: 'Too many wrong passwords were tried lately.',
  route_not_found: 'There is no such path, or not with this method.',
  order_not_found: 'There is no order with this id.',
  job_not_found: 'No job has this id, or none that was accepted within HISTORY_DAYS.',
  history_not_kept: 'HISTORY_DAYS is 0, so nothing is told of jobs.',
  request_timeout: 'The request did not arrive in time.',
  idempotency_key_in_flight: 'A request with this Idempotency-Key is not answered yet.',
  write_cancelled: 'A reset came after the write, or an operator discarded it: it takes no effect.',
  order_deleted: 'The write is over, and its order has been deleted.',
  body_too_large: 'The body is larger than what is taken.',
  unsupported_media_type: 'The type, the charset or the coding of the body is none that is read.',
  expectation_failed: 'The header Expect asks for something that is not done.',
  idempotency_key_reused: 'This Idempotency-Key was used with another request.',
  headers_too_large: 'The URL and the headers are larger than what is taken.',
  internal_error: 'A fault of the service: the log says more.',
  admin_password_not_set: 'The server has no ADMIN_PASSWORD, so nobody may.',
  job_failed: 'The write could not be applied, and is a dead letter: the job says why.',
  seed_incomplete: 'Only some of the fake orders were made; the sentence says how many.',
  queue_unavailable: 'RabbitMQ is away or refuses: nothing was queued.',
  outcome_unknown: 'RabbitMQ did not answer in time: nobody knows whether the write was queued.',
  backlog_full: 'More than MAX_BACKLOG jobs wait.',
  database_unavailable: 'MySQL is away or silent, and nothing cached can answer.',
  order_state_unknown: 'Whether there is such an order cannot be known at the moment.',
  job_states_unknown: 'Which jobs wait cannot be known, as Redis is away.',
  lists_busy: 'Too many large lists are being read.',
  reset_incomplete: 'The reset has not begun, or is completed later; the sentence says which.',
  unavailable: 'The server ends, or the client has gone.',
} as const;
export type ErrorCode = keyof typeof errorCodes;

/** The code of an error that has no more exact one. */
const byStatus: Record<number, ErrorCode> = {
  401: 'unauthorized',
  404: 'route_not_found',
  408: 'request_timeout',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  417: 'expectation_failed',
  431: 'headers_too_large',
  500: 'internal_error',
  503: 'unavailable',
};
/** The code of an HTTP status for errors that have no more exact one; `invalid_input` for a status without its own. */
export const codeOfStatus = (status: number): ErrorCode => byStatus[status] ?? 'invalid_input';
