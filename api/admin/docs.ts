/** What the documentation says of /admin. */
import { Type } from '@sinclair/typebox';
import type { Operations } from '../docs/operation.ts';

const password = Type.Optional(
  Type.String({ description: 'the admin password, if it is not in the header X-Admin-Password' }),
);
const JOB_ID = '01a1fc79-708f-7028-9eaa-63ae2e857997';
const ORDER_ID = '01a1fc79-708d-709e-9c18-29dbdfffe8dd';
const BROKER_AWAY = { 503: ['queue_unavailable'] } as const;

export const adminDocs: Operations = {
  'POST /admin/seed': {
    operationId: 'seed',
    tag: 'admin',
    summary: 'Make fake orders',
    description: 'Straight in the database. The count may be a number as text, too.',
    admin: true,
    body: { members: { password }, example: { count: 1000 } },
    answers: {
      201: { description: 'They are made.', example: { message: 'Seeded 1000 fake orders.' } },
    },
    errors: { 500: ['seed_incomplete'], 503: ['seed_incomplete'] },
  },
  'POST /admin/reset': {
    operationId: 'reset',
    tag: 'admin',
    summary: 'Remove all orders',
    description:
      'Every order that was accepted before the call is gone, also those that wait. Orders that are accepted meanwhile stay.',
    admin: true,
    body: { optional: true, members: { password }, example: {} },
    answers: {
      200: { description: 'They are gone.', example: { message: 'All orders have been removed.' } },
    },
    errors: { 503: ['reset_incomplete', 'queue_unavailable', 'database_unavailable'] },
  },
  'GET /admin/dead-letters': {
    operationId: 'listDeadLetters',
    tag: 'admin',
    summary: 'Look at what could not be applied',
    description: 'The messages stay where they are.',
    admin: true,
    query: {
      offset: 'How many letters to skip, 0 to 1000000.',
      limit: 'How many a page has at most, 1 to 1000; fewer if their bodies are large.',
    },
    answers: {
      200: {
        description: 'A page of dead letters, the oldest first.',
        example: {
          total_dead_letters: 1,
          dead_letters: [
            {
              letter_id: JOB_ID,
              job_id: JOB_ID,
              job_type: 'delete_order',
              order_id: ORDER_ID,
              reason: 'order_not_found',
              error: `There is no order ${ORDER_ID}.`,
              attempts: 5,
              first_failed_at: '2026-01-31T12:00:00.000Z',
              last_failed_at: '2026-01-31T12:01:21.000Z',
              queue: 'order_write_jobs',
              request_id: 'checkout-4711',
              body: `{"job_id":"${JOB_ID}","type":"delete_order","payload":{"order_id":"${ORDER_ID}"}}`,
              body_base64: null,
              body_bytes: 133,
            },
          ],
          next_offset: null,
        },
      },
    },
    errors: BROKER_AWAY,
  },
  'POST /admin/dead-letters/replay': {
    operationId: 'replayDeadLetters',
    tag: 'admin',
    summary: 'Put dead letters back on the queue',
    description:
      'As if they came for the first time: those that `job_ids` names, each by its `letter_id`, or all.',
    admin: true,
    body: { optional: true, example: { job_ids: [JOB_ID] } },
    answers: { 200: { description: 'How many were put back.', example: { replayed: 1 } } },
    errors: BROKER_AWAY,
  },
  'POST /admin/dead-letters/discard': {
    operationId: 'discardDeadLetters',
    tag: 'admin',
    summary: 'Discard dead letters',
    description: 'Those that `job_ids` names, each by its `letter_id`, or all.',
    admin: true,
    body: { optional: true, example: { job_ids: [JOB_ID] } },
    answers: { 200: { description: 'How many were discarded.', example: { discarded: 1 } } },
    errors: BROKER_AWAY,
  },
};
