/** Measures GET /orders/:id of orders that are pending, that are cached, and that are only in MySQL. */

import { httpRequest } from '../load/requests.ts';
import { filledIds } from '../orders.ts';
import type { Case } from './case.ts';
import { type Http, onceForEach } from './http.ts';
import { get, postOrders, sendAll } from './orders.ts';

export const getPending: Case<Http> = {
  name: 'get-pending',
  measure: async (http) => {
    const { generator, sizes } = http;
    const pending = onceForEach(({ url }) => postOrders(generator, url, sizes.listed));
    const ids = await pending(http.ours);
    await http.copyToBare(ids, 'temp_order');
    return http.compare(
      { name: 'get-pending', title: 'GET one, pending', target: { ofBare: 0.75, ofPeer: 8 } },
      {
        ours: async (side) => (await pending(side)).map(get),
        bare: () => ids.map(get),
        // Fresh ones for each round: other services forget them after a minute.
        peer: async ({ url }) => (await postOrders(generator, url, sizes.listed)).map(get),
      },
    );
  },
};

export const getCached: Case<Http> = {
  name: 'get-cached',
  measure: async (http) => {
    const { generator, sizes } = http;
    const cached = filledIds(sizes.listed);
    await http.copyToBare(cached, 'orders:detail');
    const requests = () => cached.map(get);
    return http.compare(
      { name: 'get-cached', title: 'GET one, cached', target: { ofBare: 0.75, ofPeer: 8 } },
      {
        ours: requests,
        bare: requests,
        peer: async (peer) => {
          const all = peer.ids.slice(0, sizes.listed).map(get);
          await sendAll(generator, peer.url, all);
          return all;
        },
      },
    );
  },
};

export const getMysql: Case<Http> = {
  name: 'get-mysql',
  measure: async (http) => {
    const { sizes } = http;
    const all = filledIds(sizes.rows);
    return http.compare(
      { name: 'get-mysql', title: 'GET one, from MySQL' },
      {
        ours: async ({ stores }) => {
          await stores.redis.flushdb();
          return all.map(get);
        },
        bare: () => all.map((id) => httpRequest('GET', `/mysql/${id}`, 200)),
      },
    );
  },
};
