import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../../../testbed/until.ts';
import { startApp, startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess } from '../../helpers/processes.ts';
import { sendRaw } from '../../helpers/raw-http.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);

const password = { 'x-admin-password': 'sesame' };
const post = (url: string, payload?: object, headers = {}) =>
  app.inject({ method: 'POST', url, payload, headers });
const create = () => post('/orders', { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] });

t.test('only the password opens /admin, in the header or in the body', async (t) => {
  for (const url of ['/admin/seed', '/admin/reset']) {
    for (const [headers, payload] of [
      [{}, undefined],
      [{}, { count: 1 }],
      [{ 'x-admin-password': 'wrong' }, { count: 1 }],
      [{ 'x-admin-password': '' }, { count: 1 }],
      [{ 'x-admin-password': 'wrong' }, { count: 1, password: 'sesame' }],
      [{}, { count: 1, password: 'sesam' }],
      [{}, { count: 1, password: ['sesame'] }],
      [{}, { count: 1, password: null }],
    ] as const) {
      const response = await post(url, payload, headers);
      t.equal(response.statusCode, 401, JSON.stringify([headers, payload]));
      t.strictSame(response.json(), { error: 'Unauthorized.', code: 'unauthorized' });
    }
  }
  t.equal((await post('/admin/seed', { count: 1, password: 'sesame' })).statusCode, 201);
  t.equal((await post('/admin/seed', { count: 1 }, password)).statusCode, 201);
});

t.test('a password in a file may change, and the old one is then of no more use', async (t) => {
  const file = join(t.testdir(), 'password');
  writeFileSync(file, 'first\n');
  const { ADMIN_PASSWORD: _, ...others } = env;
  const other = await startApp(t, { ...others, ADMIN_PASSWORD_FILE: file });
  const statusWith = async (given: string) => {
    const headers = { 'x-admin-password': given };
    return (await other.inject({ method: 'POST', url: '/admin/seed', payload: { count: 0 }, headers }))
      .statusCode;
  };
  t.equal(await statusWith('first'), 400);
  t.equal(await statusWith('second'), 401);
  writeFileSync(file, 'second');
  await until('the old one is refused', async () => (await statusWith('first')) === 401);
  t.equal(await statusWith('second'), 400);
  rmSync(file);
  t.equal(await statusWith('second'), 400, 'it stays what it was');
});

t.test('a password beyond ASCII is right in every encoding of a header', async (t) => {
  const send = async (password: string, header: Buffer, body = '{}') => {
    const other = await startReadyApp(t, { ...env, ADMIN_PASSWORD: password });
    const url = new URL(await other.listen({ host: '127.0.0.1', port: 0 }));
    const [answer] = await sendRaw(
      Number(url.port),
      Buffer.concat([
        Buffer.from(
          `POST /admin/dead-letters/discard HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`,
        ),
        Buffer.from(body === '{}' ? 'X-Admin-Password: ' : 'X: '),
        header,
        Buffer.from(`\r\n\r\n${body}`),
      ]),
    );
    return answer?.status;
  };
  t.equal(await send('Grüße', Buffer.from('Grüße')), 200, 'UTF-8');
  t.equal(await send('Grüße', Buffer.from('Grüße', 'latin1')), 200, 'Latin-1');
  t.equal(await send('пароль', Buffer.from('пароль')), 200, 'UTF-8 alone has all of it');
  t.equal(await send('пароль', Buffer.from('пароль', 'latin1')), 401, 'what is left of it in Latin-1');
  t.equal(await send('Grüße', Buffer.from('x'), '{"password":"Grüße"}'), 200, 'the body');
  t.equal(await send('Ã¼', Buffer.from('x'), '{"password":"ü"}'), 401, 'a body is UTF-8 and nothing else');
});

t.test('without ADMIN_PASSWORD nobody gets in', async (t) => {
  const open = await startApp(t, { ...env, ADMIN_PASSWORD: '' });
  const response = await open.inject({
    method: 'POST',
    url: '/admin/reset',
    headers: { 'x-admin-password': '' },
  });
  t.equal(response.statusCode, 500);
  t.strictSame(response.json(), {
    error: 'ADMIN_PASSWORD is not set on this server.',
    code: 'admin_password_not_set',
  });
});

t.test('a count that is no count', async (t) => {
  const expected = 'an integer from 1 to 100000';
  for (const [payload, sentence] of [
    [{}, `count is required and must be ${expected}.`],
    [{ count: 0 }, `count must be ${expected}, got 0.`],
    [{ count: 100_001 }, `count must be ${expected}, got 100001.`],
    [{ count: '0' }, `count must be ${expected}, got 0.`],
    [{ count: '1.5' }, `count must be ${expected}, got "1.5".`],
    [{ count: '' }, `count must be ${expected}, got "".`],
    [{ count: 'many' }, `count must be ${expected}, got "many".`],
    [{ count: 1.5 }, `count must be ${expected}, got 1.5.`],
  ] as const) {
    const response = await post('/admin/seed', payload, password);
    t.equal(response.statusCode, 400);
    t.strictSame(response.json(), { error: sentence, code: 'invalid_input' });
  }
});

t.test('seed adds that many plausible orders, and the list shows them', async (t) => {
  await post('/admin/reset', undefined, password);
  t.equal((await app.inject('/orders')).json().total_orders, 0);
  const response = await post('/admin/seed', { count: 2_500 }, password);
  t.equal(response.statusCode, 201);
  t.strictSame(response.json(), { message: 'Seeded 2500 fake orders.' });

  const { total_orders, orders } = (await app.inject('/orders')).json();
  t.equal(total_orders, 2_500);
  t.equal(orders.length, 2_500);
  t.ok(new Set(orders.map((order: { customer_name: string }) => order.customer_name)).size > 1_000);
  for (const { customer_name, status, items } of orders) {
    if (!/^\p{L}.{2,79}$/u.test(customer_name) || !/^[a-z]{1,20}$/.test(status) || items.length < 1)
      t.fail(`not plausible: ${JSON.stringify({ customer_name, status, items })}`);
  }
});

t.test('a count may be text, and JSON of any type or none', async (t) => {
  for (const type of [undefined, 'application/x-www-form-urlencoded', 'text/plain; charset=UTF-8', 'json']) {
    const headers = { ...password, 'content-type': type };
    const response = await app.inject({
      method: 'POST',
      url: '/admin/seed',
      payload: Buffer.from('{"count":"25"}'),
      headers,
    });
    t.match([response.statusCode, response.json()], [201, { message: 'Seeded 25 fake orders.' }], `${type}`);
  }
});

t.test('reset removes what is applied, pending, cached and waiting, and nothing comes back', async (t) => {
  await post('/admin/seed', { count: 3 }, password);
  const { order_id } = (await create()).json();
  const listed = (await app.inject('/orders')).json();
  await app.inject(`/orders/${listed.orders[0].order_id}`);
  t.ok((await stores.waiting()) > 0);

  const response = await app.inject({
    method: 'POST',
    url: '/admin/reset',
    headers: { ...password, 'content-type': 'application/json' },
  });
  t.equal(response.statusCode, 200);
  t.strictSame(response.json(), { message: 'All orders have been removed.' });

  t.strictSame((await app.inject('/orders')).json(), { total_orders: 0, orders: [] });
  t.equal((await app.inject(`/orders/${order_id}`)).statusCode, 404);
  t.equal((await app.inject(`/orders/${listed.orders[0].order_id}`)).statusCode, 404);
  t.equal(await stores.waiting(), 0);
  t.strictSame(await stores.rows('SELECT * FROM order_items'), []);
});

t.test('a job that a consumer holds during a reset does not come back either', async (t) => {
  const consumer = startProcess(t, 'consumer', { ...env, SIMULATED_WRITE_LAG: '0.5' });
  await consumer.says('consuming');
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push((await create()).json().order_id);
  await until('the consumer holds all of them', async () => (await stores.waiting()) === 0);

  t.equal((await post('/admin/reset', {}, password)).statusCode, 200);
  const after = (await create()).json().order_id;
  await until('the order accepted after the reset is applied', () => stores.order(after));
  t.equal((await app.inject('/orders')).json().total_orders, 1);
  for (const id of ids) t.equal((await app.inject(`/orders/${id}`)).statusCode, 404);
});
