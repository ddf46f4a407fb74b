/** What the documentation says of jobs. */
import { JobId } from '../../domain/order.ts';
import type { Operations } from '../docs/operation.ts';
import { orderId } from '../orders/docs.ts';
import type { Job } from './answers.ts';

const example: Job = {
  job_id: '01a1fc79-708f-7028-9eaa-63ae2e857997',
  job_type: 'create_order',
  order_id: '01a1fc79-708d-709e-9c18-29dbdfffe8dd',
  status: 'succeeded',
  attempts: 1,
  reason: null,
  error: null,
  next_try_at: null,
  accepted_at: '2026-01-31T12:00:00.000Z',
  finished_at: '2026-01-31T12:00:00.412Z',
  request_id: 'checkout-4711',
};
const LIMIT = 'How many there are at most, 1 to 1000.';
const DATABASE_AWAY = { 503: ['database_unavailable'] } as const;

export const jobDocs: Operations = {
  'GET /jobs/:id': {
    operationId: 'readJob',
    tag: 'jobs',
    summary: 'Ask what became of a write',
    description:
      '`queued`: it waits. `retrying`: it failed and comes again. `succeeded`: the database has it. `superseded`: a newer write to the order was applied before. `dead`: it is a dead letter, which an operator may replay or discard (`discarded`). `cancelled`: a reset came after it. `settled`: it is over, but no longer known how. `unknown`: nobody can tell at the moment. The `Location` of a `202` has the URL.',
    headers: ['Prefer'],
    params: { id: JobId },
    query: {
      order_id: 'The order, as in `Location`: with it the answer is known for longer.',
      version: 'The version of the write, as in `Location`.',
    },
    answers: {
      200: {
        description: 'The job.',
        headers: ['Cache-Control', 'Retry-After?', 'Preference-Applied'],
        example,
      },
    },
    errors: { 404: ['job_not_found'], ...DATABASE_AWAY },
  },
  'GET /jobs': {
    operationId: 'listJobs',
    tag: 'jobs',
    summary: 'List jobs',
    description:
      'Jobs that ended, are dead letters or were replayed, the one that changed last first. With `state=queued` or `retrying`: those that wait, in no particular order, and some more or fewer than `limit`.',
    query: {
      state: 'Only jobs in this state.',
      type: 'Only jobs of this type.',
      order_id: 'Only jobs of this order.',
      limit: LIMIT,
      after: 'What the `Link` to the next page has there.',
    },
    answers: { 200: { description: 'A page of jobs.', headers: ['Link'], example: { jobs: [example] } } },
    errors: { 503: ['database_unavailable', 'job_states_unknown'] },
  },
  'GET /orders/:id/history': {
    operationId: 'readHistory',
    tag: 'jobs',
    summary: 'Read what was done to an order',
    description: 'The jobs of the order that are known, the newest write first.',
    params: orderId,
    query: { limit: LIMIT, before: 'Only writes with a smaller version: for the next page.' },
    answers: {
      200: {
        description: 'A page of jobs. `complete`: no other write of the order is waiting to be told of.',
        headers: ['Link'],
        example: { order_id: example.order_id, entries: [example], complete: true },
      },
    },
    errors: DATABASE_AWAY,
  },
};
