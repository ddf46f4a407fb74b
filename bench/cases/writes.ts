/** Measures how fast writes are accepted while nobody applies them, and a mix of everything that clients do. */
import { randomUUID } from 'node:crypto';
import { httpRequest, type Request } from '../load/requests.ts';
import { filledIds } from '../orders.ts';
import type { Case } from './case.ts';
import { type Http, type Ours, onceForEach, type RowHead } from './http.ts';
import { get, patch, post, postOrders, posts, remove } from './orders.ts';

const CYCLES = 1_000;

/** Compares writes, with empty queues at the beginning of each round. */
const compareWrites = (
  { ours, bareStores, compare }: Http,
  head: RowHead,
  requests: (side: Ours) => Request[] | Promise<Request[]>,
  ofPeer: (url: string) => Request[] | Promise<Request[]> = () => requests(ours),
) =>
  compare(head, {
    ours: async (side) => {
      await side.stores.purge();
      return requests(side);
    },
    bare: async () => {
      await bareStores.purge();
      return requests(ours);
    },
    peer: ({ url }) => ofPeer(url),
  });

export const postCase: Case<Http> = {
  name: 'post',
  measure: (http) =>
    compareWrites(http, { name: 'post', title: 'POST', target: { ofBare: 0.75, ofPeer: 3 } }, () => posts),
};

/** PATCH of orders whose creation still waits. */
export const patchCase: Case<Http> = {
  name: 'patch',
  measure: async (http) => {
    const { generator, sizes } = http;
    const pending = onceForEach(({ url }) => postOrders(generator, url, sizes.listed));
    await http.copyToBare(await pending(http.ours), 'temp_order');
    return compareWrites(
      http,
      { name: 'patch', title: 'PATCH' },
      async (side) => (await pending(side)).map(patch),
      async (peerUrl) => (await postOrders(generator, peerUrl, sizes.listed)).map(patch),
    );
  },
};

/** DELETE, each of another order, of which Redis knows nothing. */
export const deleteCase: Case<Http> = {
  name: 'delete',
  measure: (http) =>
    compareWrites(http, { name: 'delete', title: 'DELETE' }, () =>
      Array.from({ length: http.sizes.rows }, () => remove(randomUUID())),
    ),
};

/**
 * The requests of a user of test/locustfile.py, in the same proportions: 5 lists, 2 creates, 3 reads, 1 change, 1
 * delete.
 * @param ids of the orders that are read and changed
 * @param deletable the ids of the orders that are deleted, each as often as the others
 */
export const mixedRequests = (listPath: string, ids: string[], deletable: string[]): Request[] =>
  deletable.flatMap((deleted, n) => {
    const id = (i: number) => ids[(3 * n + i) % ids.length] ?? '';
    const listed = httpRequest('GET', listPath, 200);
    return [
      listed,
      post(2 * n),
      listed,
      get(id(0)),
      listed,
      remove(deleted),
      listed,
      get(id(1)),
      listed,
      patch(id(0), n),
      get(id(2)),
      post(2 * n + 1),
    ];
  });

export const mixed: Case<Http> = {
  name: 'mixed',
  measure: async (http) => {
    const { generator, sizes } = http;
    const applied = filledIds(sizes.listed);
    await http.copyListToBare();
    await http.copyToBare(applied, 'temp_order');
    const requests = (ids: string[]) =>
      mixedRequests(
        '/orders',
        ids,
        Array.from({ length: CYCLES }, () => randomUUID()),
      );
    return compareWrites(
      http,
      { name: 'mixed', title: 'mixed' },
      () => requests(applied),
      async (url) => requests(await postOrders(generator, url, sizes.listed)),
    );
  },
};
