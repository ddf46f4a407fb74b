/** The orders that all sides of a comparison work on: order number `n` is the same everywhere. */
import { v7 as uuidv7 } from 'uuid';
import type { CreateJob } from '../domain/jobs.ts';
import type { NewOrder, Order } from '../domain/order.ts';

export const CUSTOMERS = ['Ada Lovelace', 'Grace Hopper', 'Zoë Müller', '李雷', 'Anna 🍏 Andersson'];
export const PRODUCTS = ['Apples, a kilo', 'Bread', 'Coffee beans, 500 g', 'Dates', 'Eggs, a dozen'];
/** How many items an order may have. Orders have 1, 2, … of them in turn. */
export const MOST_ITEMS = 3;
export const MOST_OF_AN_ITEM = 9;

const inTurn = (list: string[], n: number): string => list[n % list.length] ?? '';

/** Order number `n` as a client sends it. */
export const newOrder = (n: number): NewOrder & Pick<Order, 'items'> => ({
  customer_name: inTurn(CUSTOMERS, n),
  items: Array.from({ length: 1 + (n % MOST_ITEMS) }, (_, item) => ({
    name: inTurn(PRODUCTS, n + item),
    quantity: 1 + ((n + item) % MOST_OF_AN_ITEM),
  })),
});

/** Order number `n` with an id of its own. */
export const acceptedOrder = (n: number): Order => ({
  order_id: uuidv7(),
  status: 'received',
  ...newOrder(n),
});

/** The job that creates order number `n`, as the API puts it on the queue. */
export const createJob = (n: number): CreateJob => ({
  job_id: uuidv7(),
  type: 'create_order',
  payload: acceptedOrder(n),
  version: Date.now() * 1000 + (n % 1000),
  accepted_at: new Date().toISOString(),
});

/**
 * When order number 0 of a filled table was accepted, in milliseconds since 1970; each next one a millisecond later.
 */
export const FILLED_FROM = Date.UTC(2026, 0, 1);

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0');

/** The id of order number `n` in a filled table: a UUIDv7 of its time, with the number instead of random bits. */
export const filledId = (n: number): string => {
  const time = hex(FILLED_FROM + n, 12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${hex(n, 12)}`;
};

/** All ids of a filled table with so many orders. */
export const filledIds = (count: number): string[] => Array.from({ length: count }, (_, n) => filledId(n));
