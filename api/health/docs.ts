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
    summary: 'Whether writes and reads can be served',
    description:
      '`degraded`: all calls are served, but one of the servers is away or cannot be relied on. `redis` is absent if Redis is not used.',
    answers: {
      200: {
        description: 'Both can be served.',
        example: { status: 'ready', mysql: well, rabbitmq: well, redis: well },
      },
      503: {
        description: 'Writes or reads cannot be served, or the server ends.',
        example: { status: 'unavailable', mysql: well, rabbitmq: { ok: false, ms: 1.1 }, redis: well },
      },
    },
  },
};
