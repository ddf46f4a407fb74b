/**
 * What a message has besides its body, as schemas: for docs/asyncapi.json, and for the tests that compare real messages
 * with it. Not loaded by the service.
 */
import { Type } from '@sinclair/typebox';

const Moment = (description: string) => Type.String({ format: 'moment', description });

/** The properties of AMQP 0-9-1 that the service gives to a job. Other publishers need to set none of them. */
export const JobProperties = Type.Object({
  content_type: Type.Literal('application/json'),
  delivery_mode: Type.Literal(2, { description: 'The message is persistent.' }),
  message_id: Type.String({
    maxLength: 255,
    description: 'The id of the job; of a write with an Idempotency-Key an id for each try.',
  }),
  correlation_id: Type.Optional(
    Type.String({ maxLength: 255, description: 'The X-Request-Id of the request that made the job.' }),
  ),
  timestamp: Type.Optional(
    Type.Integer({ minimum: 0, description: 'When the job was accepted, in seconds since 1970.' }),
  ),
  type: Type.String({ description: 'The type of the job, as in its body.' }),
});

/** The headers in which the service tells of a job's failures, in a delay queue and in the dead letters. */
const Failures = Type.Object({
  'x-attempts': Type.Integer({ minimum: 1, description: 'How often the job has failed.' }),
  'x-reason': Type.String({
    description: 'A word for the last failure, such as order_not_found, invalid_message or crashed.',
  }),
  'x-error': Type.String({ description: 'A sentence, of at most 1000 bytes.' }),
  'x-first-failed-at': Type.String({ description: 'When it failed for the first time (ISO 8601).' }),
  'x-last-failed-at': Moment('When it failed for the last time.'),
  'x-queue': Type.String({ description: 'The queue of jobs from which it came.' }),
});
const Dropped = Type.Object({
  'x-dropped-headers': Type.String({
    description: 'The names of headers of other publishers that could not go with the message.',
  }),
});

/** They stay with the job over retries, in the dead letters, and when it is replayed. */
const Trace = Type.Object({
  traceparent: Type.String({
    description: 'The span that sent it, where requests are traced (W3C Trace Context).',
  }),
  tracestate: Type.String({ description: 'What goes with that.' }),
});

const Awaited = Type.Object({
  'x-awaited': Type.Literal(true, {
    description: 'A client waits for the end of the job, so a consumer begins it at once.',
  }),
});

/**
 * The headers of a job. One that comes for the first time has none but those of its trace, and whether a client waits for it;
 * one that failed before has all of its failures.
 */
export const JobHeaders = Type.Partial(Type.Composite([Failures, Dropped, Trace, Awaited]));

/** The headers of a dead letter that the service has moved. */
export const DeadHeaders = Type.Composite([
  Failures,
  Type.Partial(Dropped),
  Type.Partial(Trace),
  Type.Partial(Awaited),
]);
