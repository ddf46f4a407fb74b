/** A front end of the Flask service, in a real browser, on another origin than the API. */
import type { Page } from 'playwright-core';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { startApp } from '../helpers/app.ts';
import { openBrowser, servePage } from '../helpers/browser.ts';
import { skippedWithout, whenInstalled } from '../helpers/client-programs.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startService } from '../helpers/processes.ts';

const ID = '00000000-0000-7000-8000-000000000001';
const ORDER = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
const ADMIN = { 'X-Admin-Password': 'sesame' };

/** What the page's own `send` tells of an answer. */
interface Seen {
  status?: number;
  headers?: Record<string, string>;
  body?: { error?: string; order_id?: string } | null;
  failure?: string;
}
interface Options {
  headers?: Record<string, string>;
  json?: unknown;
  body?: string;
  credentials?: 'omit' | 'include';
}
type Row = [what: string, method: string, path: string, options: Options, seen: object];

const send = (page: Page, method: string, path: string, options: Options = {}): Promise<Seen> =>
  page.evaluate(`send(${JSON.stringify(method)}, ${JSON.stringify(path)}, ${JSON.stringify(options)})`);

await whenInstalled();
t.test('a browser', { skip: skippedWithout('chromium') }, async (t) => {
  const port = await freePort();
  const env = await isolatedEnvironment({ PORT: String(port), ADMIN_PASSWORD: 'sesame' });
  await startService(t, env);
  const pagePort = await servePage(t, 'order-desk.html');
  const browser = await openBrowser(t);

  const open = async (from: string, api: string, client: string): Promise<Page> => {
    const page = await browser.newPage();
    await page.goto(`http://${from}:${pagePort}/?client=${client}&api=${api}`);
    return page;
  };

  for (const [client, from, to] of [
    ['fetch', 'localhost', '127.0.0.1'],
    ['xhr', '127.0.0.1', 'localhost'],
  ] as const)
    await t.test(`an order desk with ${client} on ${from}, the API on ${to}`, async (t) => {
      const page = await open(from, `http://${to}:${port}`, client);
      const click = (name: string) => page.getByRole('button', { name }).click();
      const says = (role: 'status' | 'alert', text: string) =>
        page.getByRole(role).filter({ hasText: text }).waitFor();
      const row = page.getByRole('row');

      await page.getByLabel('Customer').fill('Zoë 李');
      await page.getByLabel('Item').fill('Tea');
      await page.getByLabel('Quantity').fill('2');
      await click('Create');
      await says('status', 'Order creation scheduled.');
      await row.filter({ hasText: /Zoë 李2 × Teareceived/ }).waitFor();
      await click('Ship');
      await row.filter({ hasText: 'shipped' }).waitFor();
      await click('Delete');
      await row.filter({ hasText: 'shipped' }).waitFor({ state: 'detached' });
      t.match((await row.allTextContents()).join(), /^$|deleting/, 'gone, or about to be');

      await page.getByLabel('Count').fill('3');
      await page.getByLabel('Password').fill('wrong');
      await click('Seed');
      await says('alert', 'Unauthorized.');
      await page.getByLabel('Password').fill('sesame');
      await click('Seed');
      await says('status', 'Seeded 3 fake orders.');
      const counts = async (orders: number) =>
        until(`the list has ${orders} orders`, async () => {
          await click('Refresh');
          await says('status', 'orders');
          return (await page.getByRole('status').textContent()) === `${orders} orders`;
        });
      await counts(3);
      t.equal(await row.count(), 3);

      await page.getByLabel('Customer').fill('');
      await click('Create');
      await says('alert', 'customer_name must be a text of 1 to 80 characters');
      await click('Reset');
      await says('status', 'All orders have been removed.');
      await counts(0);
      await page.close();
    });

  const away = await startApp(t, { ...env, RABBITMQ_PORT: String(await freePort()) });
  const apiWithoutBroker = await away.listen({ host: '127.0.0.1', port: 0 });
  const large = 'x'.repeat(3 * 2 ** 20);
  const retry = { json: ORDER, headers: { 'Idempotency-Key': 'a' } };
  const unauthorized = { json: { count: 1 }, headers: { 'X-Admin-Password': 'wrong' } };
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const tracing = {
    Authorization: 'Bearer x',
    'Cache-Control': 'no-cache',
    'X-CSRF-Token': 'x',
    'X-Requested-With': 'XMLHttpRequest',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
  const rows: Row[] = [
    ['a write', 'POST', '/orders', { json: ORDER }, { status: 202, headers: { 'x-request-id': /./ } }],
    ['headers of all kinds', 'POST', '/orders', { json: ORDER, headers: tracing }, { status: 202 }],
    [
      'a page of the list',
      'GET',
      '/orders?limit=1',
      {},
      { status: 200, headers: { etag: /^W\/"/, link: /next/ } },
    ],
    ['without credentials', 'GET', '/orders', { credentials: 'omit' }, { status: 200 }],
    // flask-cors does not allow them either, if it is not told to.
    [
      'with credentials',
      'GET',
      '/orders',
      { credentials: 'include' },
      { failure: /Failed to fetch|Network Error/ },
    ],
    ['a DELETE with a type and no body', 'DELETE', `/orders/${ID}`, {}, { status: 202 }],
    ['a DELETE with a body', 'DELETE', `/orders/${ID}`, { json: {} }, { status: 202 }],
    ['a PATCH', 'PATCH', `/orders/${ID}/status`, { json: { status: 'x' } }, { status: 202 }],
    ['a seed', 'POST', '/admin/seed', { json: { count: 1 }, headers: ADMIN }, { status: 201 }],
    [
      'a password in the body',
      'POST',
      '/admin/seed',
      { json: { count: 1, password: 'sesame' } },
      { status: 201 },
    ],
    [
      'a wrong password',
      'POST',
      '/admin/seed',
      unauthorized,
      { status: 401, body: { error: 'Unauthorized.' } },
    ],
    ['no order', 'GET', '/orders/x', {}, { status: 404, body: { error: /not found/ } }],
    ['no route', 'POST', '/orders/', { json: ORDER }, { status: 404, body: { error: /There is no POST/ } }],
    [
      'a method that is not there',
      'PUT',
      `/orders/${ID}`,
      {},
      { status: 404, body: { error: /There is no PUT/ } },
    ],
    [
      'a bad order',
      'POST',
      '/orders',
      { json: {} },
      { status: 400, body: { error: /customer_name is required/ } },
    ],
    ['a body that is not JSON', 'POST', '/orders', { body: '{' }, { status: 400, body: { error: /JSON/ } }],
    [
      'a path that is not UTF-8',
      'DELETE',
      '/orders/%ff',
      {},
      { status: 400, body: { error: /percent-encoded/ } },
    ],
    [
      'a query that is not UTF-8',
      'GET',
      '/orders?a=%ff',
      {},
      { status: 400, body: { error: /percent-encoded/ } },
    ],
    ['a large body', 'POST', '/orders', { body: large }, { status: 413, body: { error: /too large/ } }],
    [
      'another type',
      'POST',
      '/orders',
      { body: '{}', headers: form },
      { status: 415, body: { error: /Type/ } },
    ],
    [
      'a reset with a type and no body',
      'POST',
      '/admin/reset',
      { headers: { ...ADMIN, ...form } },
      { status: 200 },
    ],
    ['a reset with null', 'POST', '/admin/reset', { json: null, headers: ADMIN }, { status: 200 }],
  ];

  for (const client of ['fetch', 'xhr'])
    await t.test(`what a page sees with ${client}`, async (t) => {
      const page = await open('localhost', `http://127.0.0.1:${port}`, client);
      // Two orders for a page of the list that has a next one.
      await send(page, 'POST', '/admin/seed', { json: { count: 2 }, headers: ADMIN });
      for (const [what, method, path, options, seen] of rows)
        t.match(await send(page, method, path, options), seen, what);

      const first = await send(page, 'POST', '/orders', retry);
      const again = await send(page, 'POST', '/orders', retry);
      t.match(again, { status: 202, headers: { 'idempotency-replayed': 'true' } }, 'a write again');
      t.equal(again.body?.order_id, first.body?.order_id);
      const listed = await until('the order is listed', async () => {
        const { headers, body } = await send(page, 'GET', '/orders');
        return JSON.stringify(body).includes(String(first.body?.order_id)) && headers?.etag;
      });
      const condition = { headers: { 'If-None-Match': listed } };
      t.match(await send(page, 'GET', '/orders', condition), { status: 304, body: null }, 'the same list');
      await page.close();

      const another = await open('localhost', apiWithoutBroker, client);
      t.match(
        await send(another, 'POST', '/orders', { json: ORDER }),
        { status: 503, headers: { 'retry-after': '1' }, body: { error: 'Unable to queue order.' } },
        'no broker',
      );
      await another.close();
    });
});
