/** What the documentation says of /orders. */
import { Type } from '@sinclair/typebox';
import type { Operation, Operations } from '../docs/operation.ts';

const ORDER_ID = '01a1fc79-708d-709e-9c18-29dbdfffe8dd';
const JOB_ID = '01a1fc79-708f-7028-9eaa-63ae2e857997';

const accepted = (job_type: string, message: string): Operation['answers'] => ({
  202: {
    description: 'The write is on the disks of the broker, and readers see it from now on.',
    headers: ['Location', 'Retry-After', 'Idempotency-Replayed', 'Preference-Applied'],
    example: { job_id: JOB_ID, job_type, status: 'queued', order_id: ORDER_ID, message },
  },
});

const order = {
  order_id: ORDER_ID,
  customer_name: 'Ada',
  status: 'received',
  items: [{ name: 'Tea', quantity: 2 }],
};

/** The answer to a write with `Prefer: wait` that is over. */
const over = (status: 200 | 201 | 204): Operation['answers'] => ({
  [status]: {
    description: 'With `Prefer: wait`: the write is over.',
    headers: [
      ...(status === 201 ? (['Location'] as const) : []),
      'Link',
      'Idempotency-Replayed',
      'Preference-Applied',
    ],
    ...(status === 204 ? {} : { example: order }),
  },
});
/** The id of an order in a path. */
export const orderId = {
  id: Type.String({ format: 'uuid', description: 'The id of the order. In capitals it is the same id.' }),
};

/** Why a write may be refused. */
export const unaccepted = {
  409: ['idempotency_key_in_flight'],
  422: ['idempotency_key_reused'],
  503: ['queue_unavailable', 'outcome_unknown', 'backlog_full'],
} as const;

/** Why a write may be refused, or, with `Prefer: wait`, have taken no effect. */
const failed = {
  ...unaccepted,
  409: ['idempotency_key_in_flight', 'write_cancelled'],
  500: ['job_failed'],
} as const;

const NO_LOOK =
  'The database is not asked, so the write is accepted even if there is no such order: its job then ends in the dead letters, as `order_not_found`.';

export const orderDocs: Operations = {
  'POST /orders': {
    operationId: 'createOrder',
    tag: 'orders',
    summary: 'Create an order',
    description:
      'A quantity may be a number as text, too. Without a status the order is `received`. After a `503`, or no answer, the same request with the same `Idempotency-Key` is safe.',
    headers: ['Idempotency-Key', 'Prefer'],
    body: { example: { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 2 }] } },
    answers: { ...over(201), ...accepted('create_order', 'Order creation scheduled.') },
    errors: { ...failed, 410: ['order_deleted'] },
  },
  'PATCH /orders/:id/status': {
    operationId: 'updateOrderStatus',
    tag: 'orders',
    summary: 'Change the status of an order',
    description: NO_LOOK,
    headers: ['Idempotency-Key', 'Prefer'],
    body: { example: { status: 'shipped' } },
    params: orderId,
    answers: { ...over(200), ...accepted('update_order_status', 'Status update scheduled.') },
    errors: { 404: ['order_not_found'], ...failed, 410: ['order_deleted'] },
  },
  'DELETE /orders/:id': {
    operationId: 'deleteOrder',
    tag: 'orders',
    summary: 'Delete an order',
    description: NO_LOOK,
    headers: ['Idempotency-Key', 'Prefer'],
    params: orderId,
    answers: { ...over(204), ...accepted('delete_order', 'Deletion scheduled.') },
    errors: { 404: ['order_not_found'], ...failed },
  },
  'GET /orders/:id': {
    operationId: 'readOrder',
    tag: 'orders',
    summary: 'Read an order',
    description:
      'The order as all accepted writes leave it, whether or not they have reached the database. While a delete waits its status is `deleting`.',
    params: orderId,
    answers: {
      200: {
        description: 'The order.',
        example: order,
      },
    },
    errors: { 404: ['order_not_found'], 503: ['database_unavailable', 'order_state_unknown'] },
  },
};
