/** What a listening server answers to odd requests: their framing, method, URL and headers, and what follows them. */
import t from 'tap';
import { type ErrorCode, errorCodes } from '../../../api/http/error-codes.ts';
import {
  CHUNKED,
  HOST,
  head,
  JSON_TYPE,
  ORDER,
  post,
  request,
  startListening,
} from '../../helpers/http-edges.ts';
import { sendRaw } from '../../helpers/raw-http.ts';

const ACCEPT = 'accept: application/problem+json';
const { port, checkRefusal, checkTaken, checkLog, sendUnfinished } = await startListening(t);

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
    checkRefusal(t, what, answer, status, error, '- - -');
    t.equal(answer?.headers.connection, 'close', what);
  }
  for (const bytes of [head('FETCH /orders', ACCEPT), head('GET /', ACCEPT, `A: ${'a'.repeat(40_000)}`)]) {
    const [answer] = await sendRaw(port, bytes);
    t.equal(answer?.headers['content-type'], 'application/problem+json; charset=utf-8');
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
    checkRefusal(t, what, answer, status, error, `${method} ${url.split('?')[0]} HTTP/1.1`);
  }
});

t.test('a head that never ends', async (t) => {
  const [answer] = await sendUnfinished(`GET /orders HTTP/1.1\r\n${HOST}`);
  checkRefusal(t, 'a head that never ends', answer, 408, 'The request did not arrive in time.', '- - -');
});

t.test('heads that are odd and right', (t) => {
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
    ['a cache-buster', head('GET /orders?_=1764'), 200],
    ['UTF-8 in a query', head('GET /orders?customer_name=Zo%C3%AB+100%25'), 200],
    [
      '3,000 headers before the password',
      head('POST /admin/reset', ...Array(3_000).fill('a:'), 'X-Admin-Password: sesame'),
      200,
    ],
  ];
  return checkTaken(t, rows);
});

t.test('garbage behind requests does not take their answers away', async (t) => {
  const [create, list, garbage, ...more] = await sendRaw(
    port,
    Buffer.concat([post(ORDER, JSON_TYPE), Buffer.from(`${head('GET /orders')}GARBAGE\r\n\r\n`)]),
    4,
  );
  t.equal(create?.status, 202);
  t.equal(list?.status, 200);
  checkRefusal(t, 'garbage', garbage, 400, 'The request is not valid HTTP.', '- - -');
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

t.test('each refusal has one line in the access log', checkLog);

t.test('refusals are problems for who asks for that', async (t) => {
  const accept = 'Accept: application/problem+json';
  const rows: [bytes: string, status: number, code: ErrorCode][] = [
    [head('CONNECT example.com:443', accept), 404, 'route_not_found'],
    [head('GET /orders', accept, 'Expect: tea'), 417, 'expectation_failed'],
    [head('GET /orders/%FF', accept), 400, 'invalid_input'],
    [head('PUT /orders', accept), 404, 'route_not_found'],
  ];
  for (const [bytes, status, code] of rows) {
    const [answer] = await sendRaw(port, bytes);
    t.equal(answer?.headers['content-type'], 'application/problem+json; charset=utf-8', bytes);
    t.equal(answer?.headers.vary, 'accept', bytes);
    const { detail, ...problem } = JSON.parse(answer?.body ?? '');
    t.strictSame(problem, { type: `/docs#error-${code}`, title: errorCodes[code], status, code });
    t.match(detail, /\w.*\.$/);
  }
});
