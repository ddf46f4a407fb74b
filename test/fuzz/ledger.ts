/** What clients were promised, and whether it has become so. */
import { isDeepStrictEqual } from 'node:util';
import type { Order } from '../../domain/order.ts';

export interface Write {
  jobId: string;
  orderId: string;
  /** Of a create: what was asked for. */
  order: Omit<Order, 'order_id'> | undefined;
  /** Of a change of status. */
  status: string | undefined;
}

/** An order, and all that it may be by now: writes that were sent at once have no order. */
export interface Entry {
  id: string;
  order: Omit<Order, 'order_id' | 'status'>;
  statuses: Set<string>;
  isDeleted: boolean;
}

/** As many orders and jobs are remembered. */
const CAPACITY = 500;

export const createLedger = () => {
  const entries = new Map<string, Entry>();
  /** Jobs that change an order which is not there. */
  const homeless = new Set<string>();
  const jobs: string[] = [];
  /** Orders of which nobody knows what has become. */
  const forgotten = new Set<string>();

  const create = ({ orderId: id, order }: Write): void => {
    if (!order || entries.has(id)) return;
    const { status, ...rest } = order;
    entries.set(id, { id, order: rest, statuses: new Set([status]), isDeleted: false });
    const [oldest] = entries.keys();
    if (entries.size > CAPACITY && oldest !== undefined) entries.delete(oldest);
  };

  return {
    homeless,

    /** The id of an order that there is, another one for another number; undefined where there is none. */
    pick: (number: number): string | undefined => {
      const alive = [...entries.values()].filter(({ isDeleted }) => !isDeleted);
      return alive.at(-1 - (number % Math.max(1, alive.length)))?.id;
    },

    /** The id of a job that was accepted, in the same way. */
    pickJob: (number: number): string | undefined => jobs.at(-1 - (number % Math.max(1, jobs.length))),

    /** Notes writes that were accepted at one time. @returns the orders that they made or changed */
    note: (writes: Write[]): Entry[] => {
      for (const write of writes) create(write);
      jobs.push(...writes.map(({ jobId }) => jobId));
      jobs.splice(0, jobs.length - CAPACITY);
      const changed = new Map<Entry, Set<string>>();
      for (const { jobId, orderId, order, status } of writes) {
        const entry = entries.get(orderId);
        if (!entry) {
          if (!forgotten.has(orderId)) homeless.add(jobId);
          continue;
        }
        const statuses = changed.get(entry) ?? new Set();
        changed.set(entry, statuses);
        if (status !== undefined) statuses.add(status);
        else if (!order) entry.isDeleted = true;
      }
      for (const [entry, statuses] of changed) if (statuses.size > 0) entry.statuses = statuses;
      return [...changed.keys()];
    },

    /** Nobody knows any more what becomes of this order, nor of another write to it that was sent at the same time. */
    forget: (id: string): void => {
      entries.delete(id);
      forgotten.add(id);
    },

    removeAll: (): void => {
      entries.clear();
      homeless.clear();
      forgotten.clear();
    },
  };
};
export type Ledger = ReturnType<typeof createLedger>;

/** Whether the database holds an order as it must be in the end. */
export const isStored = ({ id, order, statuses, isDeleted }: Entry, row: Order | undefined): boolean =>
  isDeleted
    ? row === undefined
    : row !== undefined &&
      statuses.has(row.status) &&
      isDeepStrictEqual(
        { ...order, order_id: id, status: row.status },
        { order_id: row.order_id, customer_name: row.customer_name, status: row.status, items: row.items },
      );

/** Whether an answer to a reader shows an order as it may be now, its writes applied or not. */
export const isShown = (entry: Entry, status: number, shown: Order | undefined): boolean => {
  if (!entry.isDeleted) return status === 200 && isStored(entry, shown);
  if (status === 404) return true;
  return shown !== undefined && (shown.status === 'deleting' || entry.statuses.has(shown.status));
};
