/** What jobs say, read without the service's own code, and whether an order has become that. */
import { isDeepStrictEqual } from 'node:util';
import type { Order } from '../../domain/order.ts';

/** A message that may be a job: nothing more is known of it. */
export interface Job {
  type?: unknown;
  version?: unknown;
  payload: { order_id?: unknown; customer_name?: unknown; status?: unknown; items?: unknown };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** JSON in UTF-8, with or without a byte-order mark; undefined where bytes are not that. */
export const jsonIn = (body: Buffer): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
};

/** The job in a body, as far as it may be one. */
export const jobIn = (body: Buffer): Job | undefined => {
  const job = jsonIn(body);
  return isObject(job) && 'payload' in job && isObject(job.payload) ? (job as Job) : undefined;
};

export const isCreate = ({ type }: Job): boolean => type === 'create_order';

/** The items that a job or a request lists, without members that items do not have. */
export const itemsIn = (items: unknown): unknown =>
  Array.isArray(items)
    ? items.map((item) =>
        isObject(item) && 'name' in item && 'quantity' in item
          ? { name: item.name, quantity: item.quantity }
          : item,
      )
    : items;

/** The newest of jobs that all have a version of their own; only one of them may create the order. */
const newest = (jobs: Job[]): Job | undefined => {
  if (jobs.filter(isCreate).length > 1) return undefined;
  const versions = jobs.map(({ version }) => Number(version));
  if (new Set(versions).size < jobs.length || versions.some(Number.isNaN)) return undefined;
  return jobs[versions.indexOf(Math.max(...versions))];
};

/**
 * Whether an order is what its jobs make of it: gone if one deletes it, otherwise as one of them creates it, with
 * the status of the newest where versions tell which that is, or else of any.
 * @param jobs that were applied, one of them a create
 * @param order as the database holds it
 */
export const isAsJobsSay = (jobs: Job[], order: Order | undefined, isDeleted: boolean): boolean => {
  if (jobs.some(({ type }) => type === 'delete_order')) return isDeleted && order === undefined;
  if (!order || isDeleted) return false;
  const isCreated = jobs
    .filter(isCreate)
    .some(
      ({ payload: { customer_name, items } }) =>
        customer_name === order.customer_name && isDeepStrictEqual(itemsIn(items), order.items),
    );
  const last = newest(jobs);
  const statuses = (last ? [last] : jobs).map(({ payload }) => payload.status);
  return isCreated && statuses.includes(order.status);
};
