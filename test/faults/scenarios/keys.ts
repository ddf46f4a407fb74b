/** Idempotency-Keys: sent many times at once, and sent again with another request when nobody remembers the first. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { OrderHistory, Write } from '../engine/history.ts';
import { createCaller, jobIn } from '../engine/load.ts';
import type { Scenario } from '../engine/scenario.ts';

/** Keys that are used again with each loss of Redis's memory. */
const KEYS_AT_ONCE = 20;

const bodyOf = ({ name, quantity }: OrderHistory) => ({
  customer_name: name,
  status: 'new',
  items: [{ name: 'Tea', quantity }],
});

export const keyScenarios: Scenario[] = [
  {
    number: 22,
    title: '100 concurrent POSTs with one key',
    history: async (world, { full, fail }) => {
      const { call, close } = createCaller();
      const made: OrderHistory[] = [];
      for (let n = 0; n < (full ? 200 : 5); n++) {
        const order: OrderHistory = { name: `keyed ${n}`, quantity: n + 1, writes: [], reads: [] };
        const body = {
          customer_name: order.name,
          status: 'new',
          items: [{ name: 'Tea', quantity: order.quantity }],
        };
        const headers = { 'idempotency-key': randomUUID() };
        const answers = await Promise.all(
          Array.from({ length: 100 }, (_, i) =>
            call('POST', `${world.urls[i % world.urls.length]}/orders`, body, headers),
          ),
        );
        const accepted = answers.flatMap((answer) =>
          typeof answer === 'object' && answer.status === 202 ? [answer] : [],
        );
        const ids = new Set(accepted.map(({ body }) => body.order_id));
        const others = answers.filter(
          (answer) => typeof answer !== 'object' || ![202, 409].includes(answer.status),
        );
        if (ids.size !== 1) fail(`${accepted.length} answers 202 with ${ids.size} ids`);
        if (others.length > 0) fail(`${others.length} answers are neither 202 nor 409`);
        const [first] = accepted;
        if (first?.body.order_id !== undefined) order.id = first.body.order_id;
        order.writes.push({ kind: 'create', status: 'new', outcome: 'accepted', ...(first && jobIn(first)) });
        made.push(order);
      }
      close();
      return made;
    },
  },
  {
    number: 26,
    title: 'keys that come back with another request after Redis forgot them',
    // What was pending is lost with Redis's memory: the end is judged.
    readYourWrites: false,
    history: async (world, { full, fail }) => {
      const { call, close } = createCaller();
      const redis = new Redis(world.env.REDIS_URL ?? '');
      const urlOf = (n: number) => world.urls[n % world.urls.length] ?? '';
      /** Sends a write twice with its key. @returns its answer, or undefined where one was no 202 */
      const sendTwice = async (method: string, path: string, body: object, key: string, n: number) => {
        const headers = { 'idempotency-key': key };
        const answers = [];
        for (const url of [urlOf(n), urlOf(n + 1)])
          answers.push(await call(method, `${url}${path}`, body, headers));
        const [first, second] = answers.flatMap((answer) =>
          typeof answer === 'object' && answer.status === 202 ? [answer] : [],
        );
        if (!first || !second) fail(`${method} with a key was answered ${JSON.stringify(answers)}`);
        else if (first.body.order_id !== second.body.order_id || first.body.job_id !== second.body.job_id)
          fail(`${method} sent again with its key was another write`);
        return first;
      };
      const made: OrderHistory[] = [];
      for (let round = 0; round < (full ? 100 : 3); round++) {
        const keys = Array.from({ length: KEYS_AT_ONCE }, () => randomUUID());
        // Once as a client sends it, once more with the same keys and other bodies.
        for (const turn of ['first', 'second']) {
          const orders = keys.map(
            (_, n): OrderHistory => ({
              name: `${turn} ${round} ${n}`,
              quantity: n + 1,
              writes: [],
              reads: [],
            }),
          );
          const write = async (order: OrderHistory, n: number, kind: Write['kind'], status: string) => {
            const [method, path, body] =
              kind === 'create'
                ? (['POST', '/orders', bodyOf(order)] as const)
                : (['PATCH', `/orders/${order.id}/status`, { status }] as const);
            const key = `${kind} ${keys[n]}`;
            const answer = await sendTwice(method, path, body, key, n);
            if (answer?.body.order_id === undefined) return;
            order.id = answer.body.order_id;
            order.writes.push({ kind, status, outcome: 'accepted', ...jobIn(answer) });
          };
          await Promise.all(
            orders.map(async (order, n) => {
              await write(order, n, 'create', 'new');
              if (order.id !== undefined) await write(order, n, 'status', turn);
            }),
          );
          made.push(...orders);
          await redis.flushall();
        }
      }
      redis.disconnect();
      close();
      return made;
    },
  },
];
