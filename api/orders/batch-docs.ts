/** What the documentation says of /orders/batch. */
import { Type } from '@sinclair/typebox';
import { NewOrder } from '../../domain/order.ts';
import type { Operations } from '../docs/operation.ts';
import { unaccepted } from './docs.ts';

const ada = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 2 }] };
const bob = { customer_name: 'Bob', items: [{ name: 'Milk', quantity: 1 }] };

export const batchDocs: Operations = {
  'POST /orders/batch': {
    operationId: 'createOrders',
    tag: 'orders',
    summary: 'Create many orders',
    description:
      'Each is accepted or refused by itself: the results are in the order of the request, and one that was not accepted has `error` and `code`. The answer is an error only if the body is no batch, or the broker has taken none of its orders. The `Idempotency-Key` is for the whole batch: what was accepted before is not made twice.',
    headers: ['Idempotency-Key'],
    body: {
      schema: Type.Array(NewOrder, {
        minItems: 1,
        maxItems: 1_000,
        description: 'a list of 1 to 1000 orders',
      }),
      example: [ada],
      others: {
        'application/x-ndjson': {
          schema: Type.String({
            description: 'An order on each line. Also as application/ndjson or application/jsonl.',
          }),
          example: [ada, bob].map((order) => `${JSON.stringify(order)}\n`).join(''),
        },
      },
    },
    answers: {
      202: {
        description: 'What became of each order.',
        headers: ['Idempotency-Replayed'],
        example: {
          results: [
            {
              job_id: '01a2285d-bc27-7178-81e4-bd6856385dd8',
              order_id: '01a2285d-bc26-7000-8947-ecaf90bc6536',
              status: 'queued',
            },
            {
              error: 'orders[1].items must be a list of 1 to 1000 items, got a list of 0.',
              code: 'invalid_input',
            },
          ],
        },
      },
    },
    errors: unaccepted,
  },
};
