/** An API without consumers and a bare server side by side, which most cases measure. */
import { compare, type Measured, type Sides } from '../compare.ts';
import { fillOrders } from '../fill.ts';
import type { Request } from '../load/requests.ts';
import { startApi, startBare } from '../programs.ts';
import type { Row, Target } from '../report/results.ts';
import { openStores, type Stores } from '../stores.ts';
import { type Context, closing, type Finding } from './case.ts';
import { get, sendAll } from './orders.ts';

/** This service: the build that is measured, or that of the base. */
export interface Ours {
  url: string;
  stores: Stores;
}

/** The requests that each side gets in a round. There are none for the peer if it has no such feature. */
export interface Requests {
  ours: (side: Ours) => Request[] | Promise<Request[]>;
  bare: () => Request[] | Promise<Request[]>;
  peer?: (peer: { url: string; ids: string[] }) => Request[] | Promise<Request[]>;
}

/** The part of a row that is known before anything is measured. */
export type RowHead = Pick<Row, 'name' | 'title' | 'note'> & { target?: Target };

export const toRow = (
  head: RowHead,
  {
    ours,
    bare,
    peer,
    peerProblem,
  }: { ours: Measured; bare: Measured; peer?: Measured; peerProblem?: string },
): Row => {
  const note = [head.note, peerProblem].filter(Boolean).join(' ');
  return {
    ...head,
    unit: 'requests/s',
    ours: ours.rate,
    latency: ours.latency,
    bare: bare.rate,
    bareLatency: bare.latency,
    ...(peer && { peer: peer.rate, peerLatency: peer.latency }),
    ...(note && { note }),
  };
};

/** Makes a function that makes something for each side, once for each. */
export const onceForEach = <T>(make: (side: Ours) => Promise<T>): ((side: Ours) => Promise<T>) => {
  const made = new Map<Ours, Promise<T>>();
  return (side) => {
    const making = made.get(side) ?? make(side);
    made.set(side, making);
    return making;
  };
};

/**
 * Starts the API (and that of the base) and the bare server.
 * @param name of the place
 * @param orders how many orders are in MySQL
 */
export const openHttp = async (
  { system, sizes, peer, base: build }: Context,
  name: string,
  orders: number,
) => {
  const { folder, generator } = system;
  const { use, close } = closing();
  try {
    const openOurs = async (name: string, build?: string) => {
      const env = await system.place(name, {}, build);
      const stores = use(await openStores(env), (started) => started.close());
      await fillOrders(stores.mysql, orders);
      const { url } = use(await startApi(folder, `${name} api`, env, build), (started) => started.stop());
      return { env, url, stores };
    };
    const ours = await openOurs(name);
    const base = build === undefined ? undefined : await openOurs(`base_${name}`, build);
    const bareEnv = await system.place(`bare_${name}`, { DB_NAME: ours.env.DB_NAME });
    const bareStores = use(await openStores(bareEnv), (started) => started.close());
    const bare = use(await startBare(folder, `${name} bare`, bareEnv), (started) => started.stop());
    return {
      generator,
      sizes,
      ours,
      bareStores,
      close,

      /** Puts the API's answers to GET /orders/{id} into the bare server's Redis. */
      copyToBare: async (ids: string[], key: 'temp_order' | 'orders:detail'): Promise<void> => {
        for (const body of await sendAll(generator, ours.url, ids.map(get)))
          await bareStores.redis.set(`${key}:${JSON.parse(body).order_id}`, body);
      },

      /** Makes the bare server answer with the API's list. */
      copyListToBare: async (): Promise<void> => {
        const response = await fetch(`${ours.url}/orders`);
        await bareStores.redis.set('orders:list:1', await response.text());
        await bareStores.redis.set('orders:list:version', '1');
      },

      /** Measures all sides with these requests. */
      compare: async (head: RowHead, requests: Requests): Promise<Finding> => {
        const ofPeer = requests.peer;
        const sideOf = (side: Ours) => ({ url: side.url, requests: () => requests.ours(side) });
        const sides: Sides = {
          ours: sideOf(ours),
          bare: { url: bare.url, requests: requests.bare },
          peer: base ? sideOf(base) : peer && ofPeer && { url: peer.url, requests: () => ofPeer(peer) },
        };
        return { rows: [toRow(head, await compare(generator, sides, sizes))] };
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
};
export type Http = Awaited<ReturnType<typeof openHttp>>;
