/** What a listening server answers to requests at the edges of HTTP, and what it logs of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { errorCodes } from '../../../api/http/error-codes.ts';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { anAcceptedOrder, insertAccepted } from '../../helpers/orders.ts';
import { type RawAnswer, sendRaw } from '../../helpers/raw-http.ts';

const file = join(t.testdir(), 'access.log');
const env = await isolatedEnvironment({
  ACCESS_LOG_FILE: file,
  ACCESS_LOG_FORMAT: '%({x-request-id}o)s %(s)s %(B)s %(m)s %(U)s %(H)s',
});
const app = await startReadyApp(t, env);
Object.assign(app.server, { connectionsCheckingInterval: 50 });
const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);

const ID = '00000000-0000-7000-8000-00000000000a';
const UPPER = ID.toUpperCase();
const HOST = 'Host: x\r\n';
const ORDER = '{"customer_name":"Ada","items":[{"name":"Tea","quantity":1}]}';
const head = (line: string, ...headers: string[]) =>
  `${line} HTTP/1.1\r\n${HOST}${headers.map((header) => `${header}\r\n`).join('')}\r\n`;
const JSON_TYPE = 'Content-Type: application/json';
const request = (line: string, body: string | Buffer, ...headers: string[]) => {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(head(line, `Content-Length: ${bytes.length}`, ...headers), 'latin1'),
    bytes,
  ]);
};
const post = (body: string | Buffer, ...headers: string[]) => request('POST /orders', body, ...headers);
const CHUNKED = 'Transfer-Encoding: chunked';

/** Answers for each of which the log must have exactly one line. */
const logged: { what: string; answer: RawAnswer; request: string }[] = [];
const check = (
  t: Test,
  what: string,
  answer: RawAnswer | undefined,
  status: number,
  error: string | RegExp,
  request: string,
) => {
  if (answer === undefined) return t.fail(`${what}: no answer`);
  t.equal(answer.status, status, what);
  t.match(answer.headers['content-type'], /^application\/json/, what);
  t.match(answer.headers['x-request-id'], /^[\w-]+$/, what);
  t.equal(answer.headers['access-control-allow-origin'], '*', what);
  t.match(answer.headers['access-control-expose-headers'], /x-request-id/, what);
  const body = JSON.parse(answer.body);
  t.strictSame(Object.keys(body), ['error', 'code'], what);
  t.match(body.error, error, what);
  t.ok(Object.hasOwn(errorCodes, body.code), `${what}: ${body.code}`);
  logged.push({ what, answer, request });
};

t.test('bytes that are no request', async (t) => {
  const invalid = 'The request is not valid HTTP.';
  const rows: [what: string, bytes: string, status: number, error: string][] = [
    ['no HTTP', 'GARBAGE\r\n\r\n', 400, invalid],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, invalid],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'HTTP/2 is not spoken here: use HTTP/1.1.'],
    ['another version', 'GET / HTTP/3.0\r\n\r\n', 400, invalid],
    ['an unknown method', head('FETCH /orders'), 400, invalid],
    [
      'a URL in UTF-8',
      head('GET /orders?customer_name=Zo\xc3\xab'),
      400,
      'The URL must be percent-encoded ASCII.',
    ],
    ['a header without a colon', head('GET /orders', 'nonsense'), 400, invalid],
    ['a folded header', head('GET /orders', 'A: b', ' c: d'), 400, invalid],
    ['a NUL in a header', head('GET /orders', 'A: b\0c'), 400, invalid],
    ['two lengths', head('POST /orders', 'Content-Length: 3', 'Content-Length: 4'), 400, invalid],
    ['a negative length', head('POST /orders', 'Content-Length: -1'), 400, invalid],
    ['a length and chunks', `${head('POST /orders', 'Content-Length: 3', CHUNKED)}0\r\n\r\n`, 400, invalid],
    ['chunked twice', head('POST /orders', 'Transfer-Encoding: chunked, chunked'), 400, invalid],
    [
      'too large a header',
      head('GET /orders', `A: ${'a'.repeat(40_000)}`),
      431,
      'The URL and the headers of the request are too large: at most 16384 bytes are taken.',
    ],
    [
      'too long a URL',
      head(`GET /orders?customer_name=${'a'.repeat(40_000)}`),
      431,
      'The URL and the headers of the request are too large: at most 16384 bytes are taken.',
    ],
  ];
  for (const [what, bytes, status, error] of rows) {
    const [answer] = await sendRaw(port, bytes);
    check(t, what, answer, status, error, '- - -');
    t.equal(answer?.headers.connection, 'close', what);
  }
});

t.test('requests that are refused by what their head says', async (t) => {
  const rows: [what: string, bytes: string | Buffer, status: number, error: string | RegExp][] = [
    ['no Host', 'GET /orders HTTP/1.1\r\n\r\n', 400, 'The header Host is required with HTTP/1.1.'],
    ['Host twice', head('GET /orders', 'HOST: y'), 400, 'The header Host must be given once.'],
    ['an unknown Expect', head('GET /orders', 'Expect: tea'), 417, 'Expect must be 100-continue, got "tea".'],
    ['CONNECT', head('CONNECT example.com:443'), 404, 'There is no CONNECT example.com:443 here.'],
    [
      'a transfer coding',
      `${head('POST /orders', 'Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
      400,
      'Transfer-Encoding must be chunked, got "gzip, chunked".',
    ],
    [
      'no transfer coding',
      head('GET /orders', 'Transfer-Encoding: identity'),
      400,
      'Transfer-Encoding must be chunked, got "identity".',
    ],
    ['an unknown path', head('GET /nowhere'), 404, 'There is no GET /nowhere here.'],
    ['an unknown method here', request('PUT /orders', '{', JSON_TYPE), 404, 'There is no PUT /orders here.'],
    ['a method with a body of its own', head('QUERY /orders'), 404, 'There is no QUERY /orders here.'],
    ['a method of WebDAV', head('PROPFIND /orders'), 404, 'There is no PROPFIND /orders here.'],
    [
      'a path that is no UTF-8',
      head('GET /orders/%FF'),
      400,
      'The URL must be valid percent-encoded UTF-8, got "/orders/%FF".',
    ],
    [
      'a path with half a code',
      head('DELETE /orders/%E0%A4%A'),
      400,
      /^The URL must be valid percent-encoded UTF-8/,
    ],
    [
      'an unknown path that is no UTF-8',
      head('GET /nowhere/%ZZ'),
      400,
      /^The URL must be valid percent-encoded UTF-8/,
    ],
    [
      'a query that is no UTF-8',
      head('GET /orders?customer_name=%FF'),
      400,
      'The URL must be valid percent-encoded UTF-8, got "/orders?customer_name=%FF".',
    ],
    [
      'a query with half a code',
      head('GET /orders?customer_name=100%'),
      400,
      /^The URL must be valid percent-encoded UTF-8/,
    ],
    [
      'a surrogate in a query',
      head('GET /orders?status=%ED%A0%80'),
      400,
      /^The URL must be valid percent-encoded UTF-8/,
    ],
    [
      'a name in a query that is no UTF-8',
      head('GET /orders?%C0%AF=1'),
      400,
      /^The URL must be valid percent-encoded UTF-8/,
    ],
    [
      'a parameter twice',
      head('GET /orders?limit=1&limit=2'),
      400,
      'limit must be an integer from 1 to 1000, got a list of 2.',
    ],
  ];
  for (const [what, bytes, status, error] of rows) {
    const [answer] = await sendRaw(port, bytes);
    const [method, url = ''] = String(bytes).split(' ');
    check(t, what, answer, status, error, `${method} ${url.split('?')[0]} HTTP/1.1`);
  }
});

t.test('bodies that are refused', async (t) => {
  const deep = (open: string, close: string, depth = 200_000) =>
    `${open.repeat(depth)}1${close.repeat(depth)}`;
  const withMember = (member: string) => `${ORDER.slice(0, -1)},"more":${member}}`;
  const notUtf8 = 'The request body is not valid UTF-8.';
  const tooDeep = 'The request body is nested too deep: at most 512 levels are taken.';
  const named = (bytes: string) => Buffer.from(ORDER.replace('Ada', bytes), 'latin1');
  const key = () => `Idempotency-Key: ${Math.random()}`;
  const rows: [what: string, bytes: string | Buffer, status: number, error: string | RegExp][] = [
    ['a byte that is no UTF-8', post(named('\xff'), JSON_TYPE), 400, notUtf8],
    ['half a character', post(named('\xe2\x82'), JSON_TYPE), 400, notUtf8],
    ['a surrogate', post(named('\xed\xa0\x80'), JSON_TYPE), 400, notUtf8],
    ['an overlong form', post(named('\xc0\xaf'), JSON_TYPE), 400, notUtf8],
    ['Latin-1 with a key', post(named('Zo\xeb'), JSON_TYPE, key()), 400, notUtf8],
    ['no UTF-8 for an admin', request('POST /admin/reset', Buffer.from([0xff])), 400, notUtf8],
    ['UTF-16', post(Buffer.from(ORDER, 'utf16le'), JSON_TYPE), 400, 'The request body is not valid JSON.'],
    [
      'a charset',
      post(ORDER, `${JSON_TYPE}; charset=utf-16`),
      415,
      'The charset of Content-Type must be utf-8, got "application/json; charset=utf-16".',
    ],
    [
      'a quoted charset',
      post(ORDER, `${JSON_TYPE}; a=b; Charset="ISO-8859-1"`),
      415,
      /^The charset of Content-Type must be utf-8/,
    ],
    [
      'a coding',
      post(ORDER, JSON_TYPE, 'Content-Encoding: gzip'),
      415,
      'Content-Encoding is not supported: send the body as it is, got "gzip".',
    ],
    [
      'two codings',
      post(ORDER, JSON_TYPE, 'Content-Encoding: identity, br'),
      415,
      /^Content-Encoding is not supported/,
    ],
    [
      'a form',
      post('a=b', 'Content-Type: application/x-www-form-urlencoded'),
      415,
      'Content-Type must be application/json, got "application/x-www-form-urlencoded".',
    ],
    ['no content type', post(ORDER), 415, 'Content-Type must be application/json, got "".'],
    [
      'no content type at all',
      post(ORDER, 'Content-Type: nonsense'),
      415,
      'Content-Type must be application/json, got "nonsense".',
    ],
    ['deep lists', post(deep('[', ']'), JSON_TYPE), 400, tooDeep],
    [
      'deep objects with a key',
      post(withMember(deep('{"a":', '}', 100_000)), JSON_TYPE, key()),
      400,
      tooDeep,
    ],
    ['deep lists with a key', post(withMember(deep('[', ']')), JSON_TYPE, key()), 400, tooDeep],
    ['deep behind shallow ones', post(withMember(`[{},${deep('[{},', ']', 513)}]`), JSON_TYPE), 400, tooDeep],
    [
      'a deep status with a key',
      request(`PATCH /orders/${ID}/status`, `{"status":"x","y":${deep('[', ']')}}`, JSON_TYPE, key()),
      400,
      tooDeep,
    ],
    [
      'a deep seed',
      request('POST /admin/seed', deep('[', ']'), JSON_TYPE, 'X-Admin-Password: sesame'),
      400,
      tooDeep,
    ],
    [
      'a surrogate in an item',
      post(ORDER.replace('Tea', '\\udc00'), JSON_TYPE),
      400,
      /^items\[0\]\.name must be/,
    ],
    [
      'infinity',
      post(ORDER.replace('1}', '1e400}'), JSON_TYPE),
      400,
      /^items\[0\]\.quantity must be .*, got Infinity\.$/,
    ],
    [
      'a quantity of 400 digits',
      post(ORDER.replace('1}', `"${'9'.repeat(400)}"}`), JSON_TYPE),
      400,
      'items[0].quantity must be an integer from 1 to 2147483647, got "99999999999999999999…" (400 characters).',
    ],
    ['digits of another script', post(ORDER.replace('1}', '"١"}'), JSON_TYPE), 400, /got "١"\.$/],
    ['a number as text', post(ORDER.replace('1}', '"1e3"}'), JSON_TYPE), 400, /got "1e3"\.$/],
    [
      'less than its length',
      head('POST /orders', JSON_TYPE, 'Content-Length: 5').concat('{}'),
      408,
      'The request did not arrive in time.',
    ],
    [
      'too large',
      head('POST /orders', JSON_TYPE, 'Content-Length: 99999999'),
      413,
      /^The request body is too large/,
    ],
    [
      'too large in chunks',
      `${head('POST /orders', JSON_TYPE, CHUNKED)}110000\r\n${' '.repeat(0x110000)}`,
      413,
      /^The request body is too large/,
    ],
    [
      'a bad chunk',
      `${head('POST /orders', JSON_TYPE, CHUNKED)}ZZ\r\n`,
      400,
      'The request is not valid HTTP.',
    ],
    [
      'a large chunk extension',
      `${head('POST /orders', JSON_TYPE, CHUNKED)}1;${'a'.repeat(20_000)}\r\n`,
      413,
      'The chunk extensions of the request body are too large.',
    ],
  ];
  for (const [what, bytes, status, error] of rows) {
    const late = status === 408;
    if (late) Object.assign(app.server, { requestTimeout: 100, headersTimeout: 100 });
    const [answer] = await sendRaw(port, bytes);
    if (late) Object.assign(app.server, { requestTimeout: 30_000, headersTimeout: 30_000 });
    const [method, url] = String(bytes.slice(0, 200)).split(' ');
    check(t, what, answer, status, error, `${method} ${url} HTTP/1.1`);
    if (/coding/.test(what)) t.equal(answer?.headers['accept-encoding'], 'identity', what);
  }
});

t.test('a head that never ends', async (t) => {
  Object.assign(app.server, { requestTimeout: 100, headersTimeout: 100 });
  t.teardown(() => Object.assign(app.server, { requestTimeout: 30_000, headersTimeout: 30_000 }));
  const [answer] = await sendRaw(port, `GET /orders HTTP/1.1\r\n${HOST}`);
  check(t, 'a head that never ends', answer, 408, 'The request did not arrive in time.', '- - -');
});

t.test('requests that are odd and right', async (t) => {
  const chunked = (body: string) =>
    `${head('POST /orders', JSON_TYPE, CHUNKED)}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const reset = (...headers: string[]) => head('POST /admin/reset', 'X-Admin-Password: sesame', ...headers);
  const rows: [what: string, bytes: string | Buffer, status: number][] = [
    ['HTTP/1.0 without Host', 'GET /health/live HTTP/1.0\r\n\r\n', 200],
    ['an absolute URL', head('GET http://x/health/live'), 200],
    ['OPTIONS without Origin', head('OPTIONS /orders'), 204],
    ['OPTIONS of the server', head('OPTIONS *'), 204],
    ['OPTIONS with a body', request('OPTIONS /orders', '{}', JSON_TYPE), 204],
    ['100-continue', head('GET /health/live', 'Expect: 100-continue'), 200],
    [
      'an Upgrade that is not taken',
      post(
        ORDER,
        JSON_TYPE,
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      ),
      202,
    ],
    ['chunks', chunked(ORDER), 202],
    ['a byte-order mark', post(`\ufeff${ORDER}`, JSON_TYPE), 202],
    ['a charset', post(ORDER, `${JSON_TYPE}; charset=UTF-8`), 202],
    ['a quoted charset', post(ORDER, `${JSON_TYPE};charset="utf8"`), 202],
    ['no coding', post(ORDER, JSON_TYPE, 'Content-Encoding: identity'), 202],
    ['UTF-8', post(ORDER.replace('Ada', 'Zoë 🦀'), JSON_TYPE), 202],
    [
      '512 levels',
      post(
        `${ORDER.slice(0, -1)},"x":${'['.repeat(511)}${']'.repeat(511)}}`,
        JSON_TYPE,
        'Idempotency-Key: deep',
      ),
      202,
    ],
    ['a numeric text', post(ORDER.replace('1}', '"007"}'), JSON_TYPE), 202],
    ['a cache-buster', head('GET /orders?_=1764'), 200],
    ['UTF-8 in a query', head('GET /orders?customer_name=Zo%C3%AB+100%25'), 200],
    [
      '3,000 headers before the password',
      head('POST /admin/reset', ...Array(3_000).fill('a:'), 'X-Admin-Password: sesame'),
      200,
    ],
    [
      'a form that is empty',
      reset('Content-Type: application/x-www-form-urlencoded', 'Content-Length: 0'),
      200,
    ],
    ['no body of no type', reset('Content-Type: nonsense', 'Content-Length: 0'), 200],
    ['no chunk', `${reset('Content-Type: text/plain', CHUNKED)}0\r\n\r\n`, 200],
    ['no chunk and no type', `${reset(CHUNKED)}0\r\n\r\n`, 200],
    ['a coding of nothing', reset(JSON_TYPE, 'Content-Encoding: gzip', 'Content-Length: 0'), 200],
    [
      'DELETE with the type of a form',
      head(`DELETE /orders/${ID}`, 'Content-Type: application/x-www-form-urlencoded'),
      202,
    ],
    [
      'JSON with the type of a form, for an admin',
      request(
        'POST /admin/seed',
        '{"count":1,"password":"sesame"}',
        'Content-Type: application/x-www-form-urlencoded',
      ),
      201,
    ],
    [
      'JSON without a type, for an admin',
      request('POST /admin/seed', '{"count":1,"password":"sesame"}'),
      201,
    ],
    [
      'JSON of no type, for dead letters',
      request('POST /admin/dead-letters/discard', '{"job_ids":["x"]}', 'X-Admin-Password: sesame'),
      200,
    ],
  ];
  for (const [what, bytes, status] of rows) {
    const [answer] = await sendRaw(port, bytes);
    t.equal(answer?.status, status, `${what} ${answer?.body}`);
    t.equal(answer?.headers['access-control-allow-origin'], '*', what);
    if (status !== 204) continue;
    t.match(answer?.headers.allow, /GET.*POST.*DELETE/, what);
    t.equal(answer?.body, '', what);
  }
});

t.test('an id in capitals is the same order', async (t) => {
  const inject = async (method: 'GET' | 'PATCH' | 'DELETE', url: string, key = '') => {
    const headers = key === '' ? {} : { 'idempotency-key': key };
    const payload = method === 'PATCH' ? { status: 'packed' } : undefined;
    return (await app.inject({ method, url, headers, payload })).json();
  };
  t.strictSame(await inject('GET', `/orders/${UPPER}`), {
    error: `Order with ID '${ID}' not found.`,
    code: 'order_not_found',
  });
  t.strictSame(await inject('GET', `/orders?after=${UPPER}`), {
    error: `Order with ID '${ID}' not found.`,
    code: 'order_not_found',
  });
  for (const [method, path] of [
    ['PATCH', '/status'],
    ['DELETE', ''],
  ] as const) {
    const first = await inject(method, `/orders/${UPPER}${path}`, method);
    t.equal(first.order_id, ID);
    t.strictSame(await inject(method, `/orders/${ID}${path}`, method), first, 'the same keyed request');
  }
});

t.test('a password beyond ASCII is right in every encoding of a header', async (t) => {
  const send = async (password: string, header: Buffer, body = '{}') => {
    const other = await startReadyApp(t, { ...env, ADMIN_PASSWORD: password });
    const url = new URL(await other.listen({ host: '127.0.0.1', port: 0 }));
    const [answer] = await sendRaw(
      Number(url.port),
      Buffer.concat([
        Buffer.from(
          `POST /admin/dead-letters/discard HTTP/1.1\r\n${HOST}Content-Length: ${Buffer.byteLength(body)}\r\n`,
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

t.test('garbage behind requests does not take their answers away', async (t) => {
  const [create, list, garbage, ...more] = await sendRaw(
    port,
    Buffer.concat([post(ORDER, JSON_TYPE), Buffer.from(`${head('GET /orders')}GARBAGE\r\n\r\n`)]),
    4,
  );
  t.equal(create?.status, 202);
  t.equal(list?.status, 200);
  check(t, 'garbage', garbage, 400, 'The request is not valid HTTP.', '- - -');
  t.strictSame(more, []);
});

t.test('CONNECT behind a request has its answer behind that of the request', async (t) => {
  const bytes = Buffer.concat([post(ORDER, JSON_TYPE), Buffer.from(head('CONNECT example.com:443'))]);
  const answers = await sendRaw(port, bytes, 2);
  t.strictSame(
    answers.map(({ status }) => status),
    [202, 404],
  );
});

t.test('a connection is of use after a refusal that leaves it in order', async (t) => {
  const bytes = [
    head('GET /nowhere'),
    head('GET /orders/%FF'),
    head('GET /orders', 'Expect: tea'),
    head('GET /orders?limit=x'),
    head('GET /health/live'),
  ];
  const answers = await sendRaw(port, bytes.join(''), bytes.length);
  t.strictSame(
    answers.map(({ status }) => status),
    [404, 400, 417, 400, 200],
  );
});

t.test(
  'a client that sends all of too large a body before it reads has its answer, and may go on',
  async (t) => {
    const tooLarge = Buffer.alloc(3 * 2 ** 20, ' ');
    const chunk = Buffer.concat([Buffer.from('300000\r\n'), tooLarge, Buffer.from('\r\n0\r\n\r\n')]);
    for (const bytes of [
      post(tooLarge, JSON_TYPE),
      Buffer.concat([Buffer.from(head('POST /orders', JSON_TYPE, CHUNKED)), chunk]),
    ]) {
      const answers = await sendRaw(port, Buffer.concat([bytes, Buffer.from(head('GET /health/live'))]), 2);
      t.strictSame(
        answers.map(({ status }) => status),
        [413, 200],
      );
    }
  },
);

t.test('each answer has one line in the access log', async (t) => {
  const lines = await until('the log has the last line', () => {
    const all = readFileSync(file, 'utf8').split('\n');
    return all.some((line) => line.startsWith(String(logged.at(-1)?.answer.headers['x-request-id']))) && all;
  });
  for (const { what, answer, request } of logged) {
    const id = answer.headers['x-request-id'] ?? '';
    t.strictSame(
      lines.filter((line) => line.startsWith(id)),
      [`${id} ${answer.status} ${answer.body === '' ? 0 : Buffer.byteLength(answer.body)} ${request}`],
      what,
    );
  }
});
