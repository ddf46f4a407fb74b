/** What the documentation says of /health. */
import type { Operations } from '../docs/operation.ts';

const well = { ok: true, ms: 2.2 };

export const healthDocs: Operations = {
  'GET /health/live': {
    operationId: 'isLive',
    tag: 'health',
    summary: 'Whether the process runs',
    description: 'It asks no other server.',
    answers: { 200: { description: 'It runs.', example: { status: 'live' } } },
  },
  'GET /health/ready': {
    operationId: 'isReady',
    tag: 'health',
    summary: 'Whether requests should be sent to this process, and what works',
    description:
      'With `200` the process can serve something: `ready` all calls, `degraded` all or some, as one of the servers is away or cannot be relied on. `accepting`, `reading` and `applying` say what works. `redis` is absent if Redis is not used, `mysql_for_reads` if there is no replica.',
    answers: {
      200: {
        description: 'Writes are accepted, or orders can be read.',
        example: {
          status: 'ready',
          accepting: 'yes',
          reading: 'yes',
          applying: 'yes',
          mysql: well,
          rabbitmq: well,
          redis: well,
        },
      },
      503: {
        description: 'The server ends, or neither accepts writes nor reads orders.',
        example: {
          status: 'ending',
          accepting: 'yes',
          reading: 'yes',
          applying: 'yes',
          mysql: well,
          rabbitmq: well,
          redis: well,
        },
      },
    },
  },
};
