/** Another service with the same API, which is measured with the same requests. */
import { setTimeout as sleep } from 'node:timers/promises';
import { postOrders } from './cases/orders.ts';
import type { Generator } from './load/generator.ts';

export interface Peer {
  name: string;
  url: string;
  /** The ids of orders that it has applied. */
  ids: string[];
}

/** How long we wait. If its consumers pause 0.3 s for each job, 1,000 orders take more than a minute. */
const APPLIED_WITHIN_MS = 300_000;
const POLL_MS = 1_000;

const listIds = async (url: string): Promise<string[]> => {
  const response = await fetch(`${url}/orders`).catch(() => undefined);
  if (!response?.ok) throw new Error(`${url}/orders does not answer with a list of orders.`);
  const list = (await response.json()) as { orders: { order_id: string }[] };
  return list.orders.map(({ order_id }) => order_id);
};

/**
 * Makes sure that a service has at least `count` orders, by posting those that are missing.
 * @throws Error if they are not applied within five minutes
 */
export const preparePeer = async (
  generator: Generator,
  url: string,
  name: string,
  count: number,
): Promise<Peer> => {
  let ids = await listIds(url);
  if (ids.length < count) await postOrders(generator, url, count - ids.length);
  const deadline = Date.now() + APPLIED_WITHIN_MS;
  while (ids.length < count) {
    if (Date.now() > deadline)
      throw new Error(
        `${name} lists ${ids.length} of ${count} orders after five minutes: do its consumers run?`,
      );
    await sleep(POLL_MS);
    ids = await listIds(url);
  }
  return { name, url, ids };
};
