/** What a listening server answers to odd bodies: their encoding, type, depth, length and chunks. */
import t from 'tap';
import { CHUNKED, head, JSON_TYPE, ORDER, post, request, startListening } from '../../helpers/http-edges.ts';
import { sendRaw } from '../../helpers/raw-http.ts';

const { port, checkRefusal, checkTaken, checkLog, sendUnfinished } = await startListening(t);

const ID = '00000000-0000-7000-8000-00000000000a';

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
    const [answer] = await (status === 408 ? sendUnfinished(bytes) : sendRaw(port, bytes));
    const [method, url] = String(bytes.slice(0, 200)).split(' ');
    checkRefusal(t, what, answer, status, error, `${method} ${url} HTTP/1.1`);
    if (/coding/.test(what)) t.equal(answer?.headers['accept-encoding'], 'identity', what);
  }
});

t.test('bodies that are odd and right', (t) => {
  const chunked = (body: string) =>
    `${head('POST /orders', JSON_TYPE, CHUNKED)}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const reset = (...headers: string[]) => head('POST /admin/reset', 'X-Admin-Password: sesame', ...headers);
  const rows: [what: string, bytes: string | Buffer, status: number][] = [
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
  return checkTaken(t, rows);
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

t.test('each refusal has one line in the access log', checkLog);
