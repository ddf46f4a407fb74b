/** Measures GET /orders: all orders, an unchanged list, and pages out of few and out of very many orders. */
import { compare } from '../compare.ts';
import { fillOrders } from '../fill.ts';
import { httpRequest, type Request } from '../load/requests.ts';
import { filledId } from '../orders.ts';
import { startApi } from '../programs.ts';
import { openStores } from '../stores.ts';
import { type Case, type Context, closing } from './case.ts';
import { type Http, toRow } from './http.ts';

const getList = httpRequest('GET', '/orders', 200);

export const list: Case<Http> = {
  name: 'list',
  measure: async (http) => {
    await http.copyListToBare();
    return http.compare(
      {
        name: 'list',
        title: `GET list, ${http.sizes.listed.toLocaleString('en')} orders`,
        target: { ofBare: 0.85, ofPeer: 8 },
      },
      { ours: () => [getList], bare: () => [getList], peer: () => [getList] },
    );
  },
};

export const listUnchanged: Case<Http> = {
  name: 'list-304',
  measure: async (http) => {
    const etag = (await fetch(`${http.ours.url}/orders`)).headers.get('etag');
    if (!etag) throw new Error('GET /orders has no ETag.');
    const headers = { 'if-none-match': etag };
    return http.compare(
      { name: 'list-304', title: 'GET list, If-None-Match → 304', target: { ofBare: 0.6 } },
      {
        ours: () => [httpRequest('GET', '/orders', 304, { headers })],
        bare: () => [httpRequest('GET', '/unchanged', 304, { headers })],
      },
    );
  },
};

const PAGE = 50;
/** How many different pages are asked for. */
const PAGES = 1_000;

const pagesOf = (orders: number): Request[] =>
  Array.from({ length: PAGES }, () => {
    const after = filledId(Math.floor(Math.random() * orders));
    return httpRequest('GET', `/orders?limit=${PAGE}&after=${after}`, 200);
  });

/** A page from anywhere in the list must not cost more because MySQL has more orders. */
export const page: Case<Context> = {
  name: 'page',
  measure: async ({ system, sizes, base: build }) => {
    const { use, close } = closing();
    const open = async (name: string, orders: number, build?: string) => {
      const env = await system.place(name, { CACHE_DISABLED: 'true' }, build);
      const stores = await openStores(env);
      await fillOrders(stores.mysql, orders);
      await stores.close();
      return use(await startApi(system.folder, `${name} api`, env, build), (started) => started.stop());
    };
    try {
      const few = await open('few', sizes.listed);
      const first = (await (await fetch(`${few.url}/orders?limit=${PAGE}`)).json()) as { orders: unknown[] };
      if (first.orders.length > PAGE) throw new Error('GET /orders gives no pages.');
      const many = await open('many', sizes.manyRows);
      const base = build === undefined ? undefined : await open('base_many', sizes.manyRows, build);
      const measured = await compare(
        system.generator,
        {
          ours: { url: many.url, requests: () => pagesOf(sizes.manyRows) },
          bare: { url: few.url, requests: () => pagesOf(sizes.listed) },
          peer: base && { url: base.url, requests: () => pagesOf(sizes.manyRows) },
        },
        sizes,
      );
      const [more, less] = [sizes.manyRows, sizes.listed].map((count) => count.toLocaleString('en'));
      const head = {
        name: 'page',
        title: `GET page of ${PAGE}, ${more} orders`,
        target: { ofBare: 0.8 },
        note: `bare is the API itself at ${less} orders.`,
      };
      return { rows: [toRow(head, measured)] };
    } finally {
      await close();
    }
  },
};
