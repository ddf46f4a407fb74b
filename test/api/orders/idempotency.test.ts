/** The Idempotency-Key header: one write, however often it is sent. */
import { createHash, randomUUID } from 'node:crypto';
import t from 'tap';
import { openCache } from '../../../cache/cache.ts';
import type { Try } from '../../../cache/idempotency.ts';
import { type Asked, fingerprintOf, keyedUuid } from '../../../domain/keyed-ids.ts';
import { freePort } from '../../../ops/ports.ts';
import { loadConfig } from '../../../process/config.ts';
import { unobserved } from '../../../process/log-events.ts';
import { until } from '../../../testbed/until.ts';
import { startApp, startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const nowhere = String(await freePort());
const UUIDV8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

type App = typeof app;
interface Request {
  method: 'POST' | 'PATCH' | 'DELETE';
  url: string;
  payload?: object;
}
const order = (customer_name = 'Ada') => ({ customer_name, items: [{ name: 'Tea', quantity: 1 }] });
/** The request that `post` makes. */
const posted = (customer_name = 'Ada'): Asked => ({
  type: 'create_order',
  meaning: { customer_name, status: 'received', items: order().items },
});
const post = (customer_name?: string): Request => ({
  method: 'POST',
  url: '/orders',
  payload: order(customer_name),
});
const send = (request: Request, key: string, to: App = app) =>
  to.inject({ ...request, headers: { 'idempotency-key': key } });
const idsOf = (key: string, { type, meaning }: Asked = posted()) => {
  const identity = { key, fingerprint: fingerprintOf({ type, meaning }) };
  return { job_id: keyedUuid(identity, 'job'), order_id: keyedUuid(identity, 'order') };
};
const recordOf = (key: string) => createHash('sha256').update(key).digest('base64');
let tries = 0;
const tryOf = (key: string, asked: Asked): Try => ({
  record: recordOf(key),
  fingerprint: fingerprintOf(asked),
  token: `try ${tries++}`,
});
/** Ends the lease of a try, as if its time were over. */
const endLease = async ({ record }: Try) => {
  const held = JSON.parse((await stores.redis.get(`idempotency:${record}`)) ?? '');
  t.ok(held.lease > 0, 'there is a lease');
  await stores.redis.set(`idempotency:${record}`, JSON.stringify({ ...held, lease: 1 }));
};
const reused = {
  error: 'This Idempotency-Key was used with another request.',
  code: 'idempotency_key_reused',
};

t.test(
  'the ids that follow are UUIDs of version 8, different ones for each key, request and use',
  async (t) => {
    const ids = new Set<string>();
    for (let i = 0; i < 50; i++)
      for (const name of ['Ada', 'Bob'])
        for (const id of Object.values(idsOf(`key ${i}`, posted(name)))) ids.add(id);
    t.strictSame(
      [...ids].filter((id) => !UUIDV8.test(id)),
      [],
    );
    t.equal(ids.size, 200);
    t.strictSame(idsOf('key 7'), idsOf('key 7'));
  },
);

const ID = randomUUID();
const requests: [request: Request, other: Request][] = [
  [post(), post('Bob')],
  [
    { method: 'PATCH', url: `/orders/${ID}/status`, payload: { status: 'packed' } },
    { method: 'PATCH', url: `/orders/${ID}/status`, payload: { status: 'shipped' } },
  ],
  [
    { method: 'DELETE', url: `/orders/${ID}` },
    { method: 'DELETE', url: `/orders/${randomUUID()}` },
  ],
];
for (const [request, other] of requests)
  t.test(`${request.method}: the first answer again, and 422 for another request`, async (t) => {
    const key = randomUUID();
    await stores.channel.purgeQueue(stores.queue);
    const first = await send(request, key);
    t.equal(first.statusCode, 202);
    t.notOk('idempotency-replayed' in first.headers);
    for (const header of [key, `"${key}"`]) {
      const again = await send(request, header);
      t.equal(again.statusCode, 202);
      t.strictSame(again.json(), first.json());
      t.equal(again.headers['idempotency-replayed'], 'true');
      t.equal(again.headers['content-type'], first.headers['content-type']);
    }
    for (const another of [other, ...requests.map(([one]) => one).filter((one) => one !== request)]) {
      const refused = await send(another, key);
      t.equal(refused.statusCode, 422);
      t.strictSame(refused.json(), reused);
    }
    t.equal(await stores.waiting(), 1, 'one job');
    t.strictSame((await send(request, key)).json(), first.json(), 'and the first again');
  });

t.test('without a key each request is a write of its own', async (t) => {
  const [one, two] = [await app.inject(post()), await app.inject(post())];
  t.not(one.json().order_id, two.json().order_id);
  t.notOk('idempotency-replayed' in two.headers);
});

t.test('409 while a request with the key is in flight, and the write once that one has failed', async (t) => {
  const cache = openCache(loadConfig(env), unobserved);
  t.teardown(() => cache.close());
  await until('Redis is reached', async () => (await cache.time()) !== null);
  const key = randomUUID();
  const first = tryOf(key, posted());
  t.strictSame(await cache.idempotency.claim(first), { kind: 'new', version: undefined });
  const refused = await send(post(), key);
  t.equal(refused.statusCode, 409);
  t.strictSame(refused.json(), {
    error: 'A request with this Idempotency-Key is still in flight.',
    code: 'idempotency_key_in_flight',
  });
  t.equal((await send(post('Bob'), key)).statusCode, 422);

  await cache.idempotency.release(first, undefined);
  t.equal((await send(post('Bob'), key)).statusCode, 422, 'the key stays with its request');
  const accepted = await send(post(), key);
  t.equal(accepted.statusCode, 202);
  t.match(accepted.json(), idsOf(key));
});

t.test(
  'a PATCH of which nobody knows whether it was accepted keeps its place when it is repeated',
  async (t) => {
    const { order_id } = (await app.inject(post())).json();
    await stores.channel.purgeQueue(stores.queue);
    const patch = (status: string): Request => ({
      method: 'PATCH',
      url: `/orders/${order_id}/status`,
      payload: { status },
    });
    const takeVersion = async (): Promise<number> => {
      const message = await until('there is a job', () => stores.take());
      return JSON.parse(message.content.toString()).version;
    };
    await app.inject(patch('packed'));
    const version = await takeVersion();
    await app.inject(patch('shipped'));
    t.ok((await takeVersion()) > version);

    // As after a 503 whose outcome is unknown.
    const asked: Asked = { type: 'update_order_status', meaning: { order_id, status: 'packed' } };
    const key = randomUUID();
    const first = tryOf(key, asked);
    await app.cache.idempotency.claim(first);
    await app.cache.idempotency.release(first, version);
    t.equal((await send(patch('packed'), key)).statusCode, 202);
    t.equal(await takeVersion(), version, 'the same write');
    t.equal((await app.inject(`/orders/${order_id}`)).json().status, 'shipped', 'which undoes nothing newer');

    // As after a worker's death, which leaves the record as it was before the publish.
    const another = tryOf(randomUUID(), asked);
    await app.cache.idempotency.claim(another);
    await app.cache.idempotency.keepVersion(another, version);
    await endLease(another);
    t.match(await app.cache.idempotency.claim(another), { kind: 'new', version });
  },
);

t.test('without Redis the ids follow from the key, each time', async (t) => {
  const without = await startApp(t, { ...env, REDIS_URL: `redis://127.0.0.1:${nowhere}/0` });
  await until('RabbitMQ is reached', async () => (await without.inject('/health/ready')).json().rabbitmq.ok);
  const key = randomUUID();
  for (let i = 0; i < 2; i++) {
    const answer = await send(post(), key, without);
    t.equal(answer.statusCode, 202);
    t.match(answer.json(), idsOf(key));
  }
  t.match((await send(post(), key)).json(), idsOf(key), 'with Redis back too');
  t.match((await send(post('Bob'), key, without)).json(), idsOf(key, posted('Bob')), 'another write');
});

t.test('a key that comes back with another body after its record is gone is another write', async (t) => {
  const own = await isolatedEnvironment();
  const there = await openStores(t, own);
  const api = await startReadyApp(t, own);
  const uncached = await startReadyApp(t, { ...own, CACHE_DISABLED: 'true' });
  const consumer = startProcess(t, 'consumer', own);
  const key = randomUUID();
  const names = ['Ada', 'Bob', 'Eve'];
  const ids: string[] = [];
  for (const [name, to] of [
    ['Ada', api],
    ['Bob', api],
    ['Eve', uncached],
  ] as const) {
    const answer = await send(post(name), key, to);
    t.equal(answer.statusCode, 202);
    ids.push(answer.json().order_id);
    await there.redis.flushdb();
  }
  for (const [i, id] of ids.entries())
    t.match(await until(`order ${i} is applied`, () => there.order(id)), { customer_name: names[i] });

  const patch = (status: string): Request => ({
    method: 'PATCH',
    url: `/orders/${ids[0]}/status`,
    payload: { status },
  });
  const jobs = [];
  for (const status of ['packed', 'shipped']) {
    jobs.push((await send(patch(status), key, api)).json().job_id);
    await there.redis.flushdb();
  }
  t.not(jobs[0], jobs[1]);
  await until(
    'the second one is applied',
    async () => (await there.order(ids[0] ?? ''))?.status === 'shipped',
  );
  await consumer.end();
});

t.test(
  'a request is the same however it is written, and another one where it means something else',
  async (t) => {
    const bodies: [what: string, body: string, same: boolean][] = [
      ['members in another order', '{"items":[{"quantity":1,"name":"Tea"}],"customer_name":"Ada"}', true],
      ['a number as text', '{"customer_name":"Ada","items":[{"name":"Tea","quantity":"1"}]}', true],
      ['its default written out', `{"status":"received",${JSON.stringify(order()).slice(1)}`, true],
      ['what nobody reads', `{"comment":{"a":[1]},${JSON.stringify(order()).slice(1)}`, true],
      ['escapes', '{"customer_name":"\\u0041da","items":[{"name":"Tea","quantity":1e0}]}', true],
      ['another status', `{"status":"Received",${JSON.stringify(order()).slice(1)}`, false],
      ['another quantity', '{"customer_name":"Ada","items":[{"name":"Tea","quantity":2}]}', false],
      ['composed differently', '{"customer_name":"A\\u0301da","items":[{"name":"Tea","quantity":1}]}', false],
    ];
    const key = randomUUID();
    const first = (await send(post(), key)).json();
    for (const [what, payload, same] of bodies) {
      const headers = { 'idempotency-key': key, 'content-type': 'application/json' };
      const answer = await app.inject({ method: 'POST', url: '/orders', headers, payload });
      t.equal(answer.statusCode, same ? 202 : 422, what);
      if (same) t.strictSame(answer.json(), first, what);
    }
  },
);

t.test('a try whose lease ran out changes nothing of what a later one has made of the record', async (t) => {
  const { idempotency } = app.cache;
  const late: [what: string, (own: Try) => Promise<unknown>][] = [
    ['answers', (own) => idempotency.answer(own, '{"job_id":"of the first"}')],
    ['fails', (own) => idempotency.release(own, undefined)],
    ['may have been accepted', (own) => idempotency.release(own, 7)],
    ['is about to publish', (own) => idempotency.keepVersion(own, 7)],
  ];
  for (const [what, act] of late) {
    const key = randomUUID();
    const [first, second, third] = [tryOf(key, posted()), tryOf(key, posted()), tryOf(key, posted())];
    await idempotency.claim(first);
    await endLease(first);
    t.match(await idempotency.claim(second), { kind: 'new' });
    await act(first);
    t.match(
      await idempotency.claim(third),
      { kind: 'in flight' },
      `the first ${what} while the second one runs`,
    );
    await idempotency.answer(second, '{"job_id":"of the second"}');
    await act(first);
    t.match(
      await idempotency.claim(third),
      { kind: 'answered', answer: '{"job_id":"of the second"}' },
      `the first ${what} after the second one`,
    );
    await stores.redis.del(`idempotency:${first.record}`);
    await act(first);
    t.equal(await stores.redis.exists(`idempotency:${first.record}`), 0, 'nor brings it back');
  }
});

t.test('a lease that a clock far ahead gave out does not keep the key', async (t) => {
  const held = tryOf(randomUUID(), posted());
  await app.cache.idempotency.claim(held);
  const name = `idempotency:${held.record}`;
  const record = JSON.parse((await stores.redis.get(name)) ?? '');
  await stores.redis.set(name, JSON.stringify({ ...record, lease: record.lease + 3_600 }));
  t.match(await app.cache.idempotency.claim(held), { kind: 'new' });
});

t.test('after a flush of Redis the ids are the same', async (t) => {
  const key = randomUUID();
  const first = await send(post(), key);
  await stores.redis.flushdb();
  const again = await send(post(), key);
  t.equal(again.statusCode, 202);
  t.strictSame(again.json(), first.json());
});

t.test('a write that was refused may be retried with its key, and no other one', async (t) => {
  const cut = await startApp(t, { ...env, RABBITMQ_PORT: nowhere });
  await cut.cache.reachedWithin(10_000);
  const keys = requests.map(() => randomUUID());
  for (const [i, [request, other]] of requests.entries()) {
    const key = keys[i] ?? '';
    t.equal((await send(request, key, cut)).statusCode, 503);
    t.equal((await send(request, key, cut)).statusCode, 503, 'not 409');
    t.equal((await send(other, key)).statusCode, 422);
    const accepted = await send(request, key);
    t.equal(accepted.statusCode, 202);
    t.notOk('idempotency-replayed' in accepted.headers);
    if (request.method === 'POST') t.match(accepted.json(), idsOf(key));
  }
  t.equal((await app.inject(`/orders/${idsOf(keys[0] ?? '').order_id}`)).statusCode, 200);
});

t.test('keys that are none', async (t) => {
  const sentence = {
    error: 'Idempotency-Key must be 1 to 255 printable ASCII characters.',
    code: 'invalid_input',
  };
  for (const key of ['', '""', 'x'.repeat(256), `"${'x'.repeat(256)}"`, 'ké', 'tab\there', '\u007f'])
    for (const [request] of requests) {
      const refused = await send(request, key);
      t.equal(refused.statusCode, 400, `${request.method} ${JSON.stringify(key.slice(0, 10))}`);
      t.strictSame(refused.json(), sentence);
    }
  for (const key of ['x', 'x'.repeat(255), `"${'y'.repeat(255)}"`, 'a "b" c', '"', '~!@#$%^&*()'])
    t.equal((await send(post(), key)).statusCode, 202, key.slice(0, 10));
});

t.test('100 at once with one key are one order, with Redis and without', async (t) => {
  const own = await isolatedEnvironment();
  const there = await openStores(t, own);
  const apps = [
    await startReadyApp(t, own),
    await startReadyApp(t, own),
    await startReadyApp(t, { ...own, CACHE_DISABLED: 'true' }),
  ];
  const keys = [randomUUID(), randomUUID()];
  const [shared = '', uncached = ''] = keys;
  const burst = async (key: string, to: App[]) => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => send(post(), key, to[i % to.length])),
    );
    for (const answer of answers)
      if (answer.statusCode !== 409) t.match(answer.json(), idsOf(key), `answered ${answer.statusCode}`);
    return answers.filter(({ statusCode }) => statusCode === 202).length;
  };
  t.ok((await burst(shared, apps.slice(0, 2))) >= 1);
  t.equal(await there.waiting(), 1, 'one job, as Redis knows of it');
  t.equal(await burst(uncached, apps.slice(2)), 100);
  t.equal(await there.waiting(), 101);

  const consumer = startProcess(t, 'consumer', own);
  await until('all are applied', () => consumer.output().split('"job done"').length - 1 === 101);
  const rows = await there.rows('SELECT id FROM orders');
  t.strictSame(new Set(rows.map(({ id }) => id)), new Set(keys.map((key) => idsOf(key).order_id)));
  t.equal(rows.length, 2);
  t.equal(Number((await there.rows('SELECT COUNT(*) AS n FROM order_items'))[0]?.n), 2);
  t.equal(await there.waiting(`${there.queue}.dead`), 0);
});

t.test(
  'a POST sent again after it was applied and patched hides nothing once its second job is done',
  async (t) => {
    const own = await isolatedEnvironment();
    const there = await openStores(t, own);
    const api = await startReadyApp(t, own);
    const consumer = startProcess(t, 'consumer', own);
    const done = (times: number) =>
      until(`${times} jobs are done`, () => consumer.output().split('"job done"').length - 1 === times);
    const key = randomUUID();
    const { order_id } = (await send(post(), key, api)).json();
    const url = `/orders/${order_id}`;
    await api.inject({ method: 'PATCH', url: `${url}/status`, payload: { status: 'packed' } });
    await done(2);
    await there.redis.flushdb();
    t.equal((await send(post(), key, api)).statusCode, 202);
    await done(3);
    t.match((await api.inject(url)).json(), { ...order(), status: 'packed' });
    const ttl = await there.redis.ttl(`order_writes:{temp_order:${order_id}}`);
    t.ok(ttl > 0 && ttl <= 60, `what Redis holds of it goes in ${ttl} s`);
  },
);
