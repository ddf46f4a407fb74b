/** Makes requests about orders, and the orders for them. */
import { requireRight } from '../compare.ts';
import type { Generator } from '../load/generator.ts';
import { httpRequest, type Request } from '../load/requests.ts';
import { newOrder } from '../orders.ts';

const CONNECTIONS = 16;
/** How long a set of requests may take. If it takes longer, something is wrong. */
const ALL_WITHIN_MS = 120_000;
/** How many different orders are posted. */
const DIFFERENT = 1_000;

export const post = (n: number): Request => httpRequest('POST', '/orders', 202, { body: newOrder(n) });
export const posts: Request[] = Array.from({ length: DIFFERENT }, (_, n) => post(n));
export const get = (id: string): Request => httpRequest('GET', `/orders/${id}`, 200);
export const patch = (id: string, n: number): Request =>
  httpRequest('PATCH', `/orders/${id}/status`, 202, { body: { status: `status ${n % 10}` } });
export const remove = (id: string): Request => httpRequest('DELETE', `/orders/${id}`, 202);

/** Sends each request once. @returns the bodies of the answers, in no order. @throws Error if an answer is wrong */
export const sendAll = async (generator: Generator, url: string, requests: Request[]): Promise<string[]> => {
  const result = await generator.run({
    url,
    requests,
    limit: requests.length,
    connections: CONNECTIONS,
    warmupMs: 0,
    durationMs: ALL_WITHIN_MS,
    keepBodies: true,
  });
  requireRight(result, url);
  return result.answers.map(({ body }) => body);
};

/** Posts orders. @returns their ids */
export const postOrders = async (generator: Generator, url: string, count: number): Promise<string[]> => {
  const answers = await sendAll(
    generator,
    url,
    Array.from({ length: count }, (_, n) => post(n)),
  );
  return answers.map((body) => String(JSON.parse(body).order_id));
};
