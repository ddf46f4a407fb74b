/** The record of an Idempotency-Key: while a request holds it, when its lease is over, when it is gone. */
import { createHash, randomUUID } from 'node:crypto';
import t from 'tap';
import type { Try } from '../../../cache/idempotency.ts';
import { type Asked, fingerprintOf } from '../../../domain/keyed-ids.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { idsOf, keyed, orderOf, post, posted, type Request } from '../../helpers/keyed.ts';
import { openReadyCache } from '../../helpers/pending.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);

const send = (request: Request, key: string, to = app) => to.inject(keyed(request, key));
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

t.test('409 while a request with the key is in flight, and the write once that one has failed', async (t) => {
  const cache = await openReadyCache(t, env);
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

t.test('a key that comes back with another body after its record is gone is another write', async (t) => {
  const own = await isolatedEnvironment();
  const there = await openStores(t, own);
  const api = await startReadyApp(t, own);
  const uncached = await startReadyApp(t, { ...own, CACHE_DISABLED: 'true' });
  const consumer = startProcess(t, 'consumer', { ...own, LOG_LEVEL: 'debug' });
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
  'a POST sent again after it was applied and patched hides nothing once its second job is done',
  async (t) => {
    const own = await isolatedEnvironment();
    const there = await openStores(t, own);
    const api = await startReadyApp(t, own);
    const consumer = startProcess(t, 'consumer', { ...own, LOG_LEVEL: 'debug' });
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
    t.match((await api.inject(url)).json(), { ...orderOf(), status: 'packed' });
    const ttl = await there.redis.ttl(`order_writes:{temp_order:${order_id}}`);
    t.ok(ttl > 0 && ttl <= 60, `what Redis holds of it goes in ${ttl} s`);
  },
);
