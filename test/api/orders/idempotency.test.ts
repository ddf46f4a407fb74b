/** The Idempotency-Key header: one write, however often it is sent. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { startApp, startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { idsOf, keyed, orderOf, post, posted, type Request } from '../../helpers/keyed.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const nowhere = String(await freePort());

const send = (request: Request, key: string, to = app) => to.inject(keyed(request, key));
const reused = {
  error: 'This Idempotency-Key was used with another request.',
  code: 'idempotency_key_reused',
};

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

t.test(
  'a request is the same however it is written, and another one where it means something else',
  async (t) => {
    const bodies: [what: string, body: string, same: boolean][] = [
      ['members in another order', '{"items":[{"quantity":1,"name":"Tea"}],"customer_name":"Ada"}', true],
      ['a number as text', '{"customer_name":"Ada","items":[{"name":"Tea","quantity":"1"}]}', true],
      ['its default written out', `{"status":"received",${JSON.stringify(orderOf()).slice(1)}`, true],
      ['what nobody reads', `{"comment":{"a":[1]},${JSON.stringify(orderOf()).slice(1)}`, true],
      ['escapes', '{"customer_name":"\\u0041da","items":[{"name":"Tea","quantity":1e0}]}', true],
      ['another status', `{"status":"Received",${JSON.stringify(orderOf()).slice(1)}`, false],
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
  const burst = async (key: string, to: (typeof app)[]) => {
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

  const consumer = startProcess(t, 'consumer', { ...own, LOG_LEVEL: 'debug' });
  await until('all are applied', () => consumer.output().split('"job done"').length - 1 === 101);
  const rows = await there.rows('SELECT id FROM orders');
  t.strictSame(new Set(rows.map(({ id }) => id)), new Set(keys.map((key) => idsOf(key).order_id)));
  t.equal(rows.length, 2);
  t.equal(Number((await there.rows('SELECT COUNT(*) AS n FROM order_items'))[0]?.n), 2);
  t.equal(await there.waiting(`${there.queue}.dead`), 0);
});
