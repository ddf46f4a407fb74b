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
const STREAM =
  'A client that comes back with the id of the last event that it has goes on from there, in any process. `event: gap`: what happened in between is not known; its data has a link to where it is. `event: degraded` and `recovered`: Redis is away, and back.';
const stream = {
  type: 'text/event-stream',
  example: `id: 1764442800000-0.0\ndata: ${JSON.stringify(example)}\n\n`,
};
const link = {
  order_id: 'The order, as in `Location`: with it the answer is known for longer.',
  version: 'The version of the write, as in `Location`.',
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
    query: link,
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
    errors: { 404: ['history_not_kept'], 503: ['database_unavailable', 'job_states_unknown'] },
  },
  'GET /jobs/:id/events': {
    operationId: 'followJob',
    tag: 'jobs',
    summary: 'Follow a write until it is over',
    description: `The state of the job now, then each further one, as server-sent events: \`data\` is what \`GET /jobs/{id}\` answers. Once the job is over the stream ends. If nobody can tell the state at the moment, the stream begins with it later. ${STREAM}`,
    headers: ['Last-Event-ID'],
    params: { id: JobId },
    query: link,
    answers: {
      200: { description: 'The stream.', headers: ['Cache-Control'], ...stream },
      204: { description: 'The job is over, and the client knows it: `EventSource` does not come again.' },
    },
    errors: { 404: ['job_not_found'] },
  },
  'GET /orders/:id/events': {
    operationId: 'followOrder',
    tag: 'jobs',
    summary: 'Follow the writes to an order',
    description: `What happens to the jobs of the order, as server-sent events. ${STREAM}`,
    headers: ['Last-Event-ID'],
    params: orderId,
    answers: { 200: { description: 'The stream.', headers: ['Cache-Control'], ...stream } },
    errors: { 404: ['order_not_found', 'history_not_kept'] },
  },
  'GET /events': {
    operationId: 'followAll',
    tag: 'jobs',
    summary: 'Follow all writes',
    description: `What happens to all jobs, as server-sent events. ${STREAM}`,
    headers: ['Last-Event-ID'],
    query: { type: 'Only jobs of these types, separated by commas.' },
    answers: { 200: { description: 'The stream.', headers: ['Cache-Control'], ...stream } },
    errors: { 404: ['history_not_kept'] },
  },
  'GET /orders/:id/history': {
    operationId: 'readHistory',
    tag: 'jobs',
    summary: 'Read what was done to an order',
    description: 'The jobs of the order that are known, the newest write first.',
    params: orderId,
    query: {
      limit: LIMIT,
      before: 'Only writes with a smaller version: for the next page.',
      after: 'And those with the same version whose job ids are smaller.',
    },
    answers: {
      200: {
        description:
          'A page of jobs. `complete`: it is known that no other write of the order is waiting to be told of.',
        headers: ['Link'],
        example: { order_id: example.order_id, entries: [example], complete: true },
      },
    },
    errors: { 404: ['order_not_found'], ...DATABASE_AWAY },
  },
};
