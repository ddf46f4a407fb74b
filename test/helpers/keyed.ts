/** Requests with an Idempotency-Key, and the ids that follow from it. */
import { type Asked, fingerprintOf, keyedUuid } from '../../domain/keyed-ids.ts';

export interface Request {
  method: 'POST' | 'PATCH' | 'DELETE';
  url: string;
  payload?: object;
}

export const orderOf = (customer_name = 'Ada') => ({
  customer_name,
  items: [{ name: 'Tea', quantity: 1 }],
});

/** The request that creates an order. */
export const post = (customer_name?: string): Request => ({
  method: 'POST',
  url: '/orders',
  payload: orderOf(customer_name),
});

/** What `post` asks for, as the service understands it. */
export const posted = (customer_name?: string): Asked => {
  const { items, ...names } = orderOf(customer_name);
  return { type: 'create_order', meaning: { ...names, status: 'received', items } };
};

/** A request as a client sends it with a key. */
export const keyed = (request: Request, key: string) => ({
  ...request,
  headers: { 'idempotency-key': key },
});

/** The ids that a write gets by a key. */
export const idsOf = (key: string, asked: Asked = posted()) => {
  const identity = { key, fingerprint: fingerprintOf(asked) };
  return { job_id: keyedUuid(identity, 'job'), order_id: keyedUuid(identity, 'order') };
};
