/** The headers of GET /orders: what clients know of an answer without its body, and how the body is coded. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import t from 'tap';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted, variedOrders } from '../../helpers/orders.ts';

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
await insertAccepted(app.database.orm, variedOrders(250, Date.UTC(2026, 0, 1, 12)));
const UNKNOWN = '00000000-0000-7000-8000-000000000000';
const get = (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers });

t.test('ETag and If-None-Match', async (t) => {
  for (const url of ['/orders', '/orders?limit=10', '/orders?status=shipped']) {
    const { headers, body } = await get(url);
    const { etag = '' } = headers;
    t.match(etag, /^W\/"[\w-]{27}"$/);
    t.match(headers, { 'cache-control': 'no-cache', vary: /accept-encoding/i });
    for (const [given, status] of [
      [etag, 304],
      [`"x", ${etag}`, 304],
      ['*', 304],
      ['"x"', 200],
    ] as const)
      for (const method of ['GET', 'HEAD'] as const) {
        const response = await app.inject({
          method,
          url,
          headers: { 'if-none-match': given, 'accept-encoding': 'br' },
        });
        t.equal(response.statusCode, status, `${method} ${url} ${given}`);
        t.match(response.headers, { etag, 'cache-control': 'no-cache', vary: /accept-encoding/i });
        if (status === 304) {
          t.equal(response.rawPayload.length, 0);
          for (const name of ['content-type', 'content-length', 'content-encoding'])
            t.notOk(name in response.headers, `no ${name}`);
        }
      }
    const other = await startReadyApp(t, { ...env, CACHE_DISABLED: 'true' });
    const there = await other.inject({ url, headers: { 'if-none-match': etag } });
    t.equal(there.statusCode, 304, 'another process, without a cache');
    await app.cache.lists.invalidate();
    t.equal((await get(url, { 'if-none-match': etag })).statusCode, 304, 'a new version of the same list');
    t.equal((await get(url)).body, body);
  }
});

t.test('HEAD is GET without the body', async (t) => {
  for (const url of ['/orders', '/orders?limit=10', '/orders?status=none', `/orders?after=${UNKNOWN}`]) {
    const [head, got] = [await app.inject({ method: 'HEAD', url }), await get(url)];
    t.equal(head.statusCode, got.statusCode);
    t.equal(head.body, '');
    for (const name of ['content-length', 'content-type', 'etag', 'link', 'vary', 'cache-control'])
      t.equal(head.headers[name], got.headers[name], `${name} of ${url}`);
    if (got.statusCode === 200) t.equal(Number(head.headers['content-length']), got.rawPayload.length);
  }
});

t.test('compression', async (t) => {
  const plain = await get('/orders');
  t.equal(plain.headers['content-type'], 'application/json; charset=utf-8');
  t.notOk('content-encoding' in plain.headers);
  const decode = { br: brotliDecompressSync, gzip: gunzipSync };
  for (const [accepted, coding] of [
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0.1, gzip;q=0.9', 'gzip'],
  ] as const)
    for (const time of ['made', 'kept']) {
      const response = await get('/orders', { 'accept-encoding': accepted });
      t.equal(response.headers['content-encoding'], coding, `${accepted}, ${time}`);
      t.strictSame(decode[coding](response.rawPayload), plain.rawPayload);
      t.equal(Number(response.headers['content-length']), response.rawPayload.length);
      t.ok(response.rawPayload.length < plain.rawPayload.length / 3);
      for (const name of ['etag', 'vary', 'content-type'])
        t.equal(response.headers[name], plain.headers[name]);
    }
  const refused = await get('/orders', { 'accept-encoding': 'br;q=0, gzip;q=0' });
  t.strictSame(refused.rawPayload, plain.rawPayload);
  const small = await get('/orders?status=none', { 'accept-encoding': 'br' });
  t.notOk('content-encoding' in small.headers, 'not worth it');
  t.match(small.headers.vary, /accept-encoding/i);
});

t.test('a page of a browser elsewhere may use all of this', async (t) => {
  const read = await get('/orders?limit=1', { origin: 'https://shop.example' });
  const exposed = String(read.headers['access-control-expose-headers']).split(', ');
  for (const name of ['etag', 'link']) t.ok(exposed.includes(name), name);
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: '/orders',
    headers: {
      origin: 'https://shop.example',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'if-none-match,idempotency-key',
    },
  });
  t.equal(preflight.headers['access-control-allow-headers'], 'if-none-match,idempotency-key');
});

t.test('behind a path prefix `next` and Link lead to the next page', async (t) => {
  const named = { customer_name: 'Behind a proxy' };
  const [newer, older] = [anAcceptedOrder(named), anAcceptedOrder(named, 0)];
  await insertAccepted(app.database.orm, [newer, older]);
  /** A request as a proxy that strips `/api` passes it on. */
  const get = async (url: string | URL) => {
    const { pathname, search } = new URL(url);
    const response = await app.inject(pathname.replace(/^\/api/, '') + search);
    return { ...response.json(), link: /^<(.*)>; rel="next"$/.exec(String(response.headers.link))?.[1] };
  };
  const url = 'http://shop.example/api/orders?limit=1&customer_name=Behind';
  const first = await get(url);
  t.strictSame(first.orders, [newer.order]);
  t.equal(first.link, first.next);
  const second = await get(new URL(first.next, url));
  t.strictSame(second.orders, [older.order]);
  t.equal(second.next, null);
});
