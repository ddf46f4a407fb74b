import t from 'tap';
import { type AccessLogEntry, accessLine, compileFormat } from '../../../api/http/access-log-format.ts';
import { ConfigError } from '../../../process/config.ts';

const headers =
  (all: Record<string, number | string | string[]>): AccessLogEntry['responseHeader'] =>
  (name) =>
    all[name];
const entry: AccessLogEntry = {
  method: 'GET',
  url: '/orders?limit=5',
  httpVersion: '1.1',
  statusCode: 200,
  remoteAddress: '192.0.2.7',
  requestHeaders: { host: 'api.example', referer: 'http://a.example/', 'user-agent': 'curl/8.1' },
  responseHeader: headers({
    'content-type': 'application/json',
    'content-length': 1234,
    vary: ['accept', 'origin'],
  }),
  bytesSent: 1234,
  durationMs: 3_012.3456,
  finishedAt: Date.UTC(2026, 10, 21, 3, 30, 0, 500),
  requestId: 'req-1',
  pid: 4711,
};
/** The entry for bytes that are not a request. */
const UNREADABLE = {
  method: undefined,
  url: undefined,
  httpVersion: undefined,
  durationMs: undefined,
  requestHeaders: {},
};
const line = (format: string, changes: Partial<AccessLogEntry> = {}) =>
  compileFormat(format)({ ...entry, ...changes });

t.test('named formats', async (t) => {
  const common = '192.0.2.7 - - [21/Nov/2026:03:30:00 +0000] "GET /orders?limit=5 HTTP/1.1" 200 1234';
  t.equal(line('common'), common);
  t.equal(line('combined'), `${common} "http://a.example/" "curl/8.1"`);
  t.equal(
    line('combined', { requestHeaders: {}, bytesSent: 0 }),
    common.replace('1234', '- "-" "-"'),
    'what is absent is a dash',
  );
  t.equal(
    line('%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'),
    line('combined'),
    "gunicorn's default",
  );
  t.match(line('combined', UNREADABLE), /\] "-" 200 1234 "-" "-"$/, 'bytes that are no request');
});

t.test('json', async (t) => {
  t.strictSame(JSON.parse(line('json')), {
    log: 'access',
    time: '2026-11-21T03:30:00.500Z',
    remote_address: '192.0.2.7',
    method: 'GET',
    url: '/orders?limit=5',
    status: 200,
    bytes: 1234,
    duration_ms: 3012.346,
    referer: 'http://a.example/',
    user_agent: 'curl/8.1',
    request_id: 'req-1',
  });
  t.match(JSON.parse(line('json', UNREADABLE)), { method: null, url: null, duration_ms: null, status: 200 });
  const hostile = { requestHeaders: { 'user-agent': 'x"\n{"status":200}' }, remoteAddress: undefined };
  t.notMatch(line('json', hostile), /\n/);
  t.match(JSON.parse(line('json', hostile)), {
    user_agent: 'x"\n{"status":200}',
    referer: null,
    remote_address: null,
  });
});

t.test('on standard output each line says which log it is of', async (t) => {
  const on = (file: string, format: string) => accessLine({ file, format })(entry);
  t.match(on('-', 'common'), /^access 192\.0\.2\.7 - - \[/);
  t.equal(on('-', '{"level":%(s)s}'), 'access {"level":200}');
  t.equal(on('-', 'json'), line('json'));
  t.equal(on('access.log', 'common'), line('common'));
});

const atoms: [format: string, expected: string, changes?: Partial<AccessLogEntry>][] = [
  ['%(h)s', '192.0.2.7'],
  ['%(h)s', '-', { remoteAddress: undefined }],
  ['%(l)s', '-'],
  ['%(u)s', '-', { requestHeaders: { authorization: 'Basic dXNlcjpwYXNz' } }],
  ['%(t)s', '[21/Nov/2026:03:30:00 +0000]'],
  ['%(t)s', '[01/Jan/2027:00:00:00 +0000]', { finishedAt: Date.UTC(2027, 0, 1) }],
  ['%(r)s', 'GET /orders?limit=5 HTTP/1.1'],
  ['%(m)s', 'PATCH', { method: 'PATCH' }],
  ['%(U)s', '/orders'],
  ['%(U)s', '/orders', { url: '/orders' }],
  ['%(q)s', 'limit=5'],
  ['%(q)s', 'a=1?b=2', { url: '/orders?a=1?b=2' }],
  ['[%(q)s]', '[]', { url: '/orders' }],
  ['[%(q)s]', '[]', { url: '/orders?' }],
  ['%(H)s', 'HTTP/1.0', { httpVersion: '1.0' }],
  ['%(s)s', '404', { statusCode: 404 }],
  ['%(s)d', '200'],
  ['%(B)s', '1234'],
  ['%(B)s', '0', { bytesSent: 0 }],
  ['%(b)s', '1234'],
  ['%(b)s', '-', { bytesSent: 0 }],
  ['%(f)s', 'http://a.example/'],
  ['%(a)s', 'curl/8.1'],
  ['%(T)s', '3'],
  ['%(T)s', '1', { durationMs: 999.9999 }],
  ['%(D)s', '3012346'],
  ['%(M)s', '3012'],
  ['%(L)s', '3.012346'],
  ['%(L)s', '0.000250', { durationMs: 0.25 }],
  ['%(p)s', '<4711>'],
  ['%({host}i)s', 'api.example'],
  ['%({User-Agent}i)s', 'curl/8.1'],
  ['%({x-none}i)s', '-'],
  ['%({Content-Type}o)s', 'application/json'],
  ['%({content-length}o)s', '1234'],
  ['%({vary}o)s', 'accept, origin'],
  ['%({x-none}o)s', '-'],
  ['%({REQUEST_METHOD}e)s', 'GET'],
  ['%({PATH_INFO}e)s', '/orders'],
  ['%({QUERY_STRING}e)s', 'limit=5'],
  ['%({RAW_URI}e)s', '/orders?limit=5'],
  ['%({SERVER_PROTOCOL}e)s', 'HTTP/1.1'],
  ['%({REMOTE_ADDR}e)s', '192.0.2.7'],
  ['%({REQUEST_ID}e)s', 'req-1'],
  ['%({HTTP_USER_AGENT}e)s', 'curl/8.1'],
  ['%({CONTENT_TYPE}e)s', 'text/plain', { requestHeaders: { 'content-type': 'text/plain' } }],
  ['%({HTTP_}e)s', '-'],
  ['%({PATH}e)s', '-'],
  ...['r', 'm', 'U', 'q', 'H', 'T', 'D', 'M', 'L', '{RAW_URI}e', '{SERVER_PROTOCOL}e', '{host}i'].map(
    (key): (typeof atoms)[number] => [`%(${key})s`, '-', UNREADABLE],
  ),
  ['%(s)s%% of %(m)s', '200% of GET'],
  ['%%(h)s %(m)s', '%(h)s GET'],
];
t.test('atoms', async (t) => {
  for (const [format, expected, changes] of atoms) t.equal(line(format, changes), expected, format);
});

t.test('bad formats', async (t) => {
  const bad: [format: string, named: string][] = [
    ['%(h)s %(x)s', 'the unknown atom %(x)s:'],
    ['%(constructor)s', 'the unknown atom %(constructor)s:'],
    ['%({host}x)s', 'the unknown atom %({host}x)s:'],
    ['%({}i)s', 'the unknown atom %({}i)s:'],
    ['%()s', 'the unknown atom %()s:'],
    ['%(h)x', 'the unknown atom %(h)x:'],
    ['%(h)-9s', 'the unknown atom %(h)-:'],
    ['%(h', 'the unknown atom %(:'],
    ['%h %l', 'the unknown atom %h:'],
    ['%(h)s 100%', 'the unknown atom %:'],
    ['combind', 'got "combind".'],
    ['', 'got "".'],
  ];
  for (const [format, named] of bad) {
    let error: unknown;
    try {
      compileFormat(format);
    } catch (thrown) {
      error = thrown;
    }
    t.ok(error instanceof ConfigError, format);
    t.match(error, { message: /^ACCESS_LOG_FORMAT .*common, combined, json.*%\(h\)s.*\.$/ }, format);
    t.ok(error instanceof Error && error.message.includes(named), `${format}: ${named}`);
  }
});

t.test('clients cannot forge lines', async (t) => {
  const cases: [value: string, written: string][] = [
    ['" 200 1 "', '\\" 200 1 \\"'],
    ['a\\', 'a\\\\'],
    ['a\r\nb\tc\0', 'a\\x0d\\x0ab\\x09c\\x00'],
    ['\x1b[2J\x7f\x9b', '\\x1b[2J\\x7f\\x9b'],
    [Buffer.from('é').toString('latin1'), '\\xc3\\xa9'],
    ['%(h)s', '%(h)s'],
  ];
  for (const [value, written] of cases) {
    const requestHeaders = { referer: value, 'user-agent': value, 'x-a': value };
    t.equal(line('"%(f)s" "%(a)s"', { requestHeaders }), `"${written}" "${written}"`);
    t.equal(line('%({X-A}i)s %({HTTP_X_A}e)s', { requestHeaders }), `${written} ${written}`);
    t.equal(line('%(r)s', { url: `/${value}` }), `GET /${written} HTTP/1.1`);
    t.equal(line('%(U)s %(q)s', { url: `/${value}?${value}` }), `/${written} ${written}`);
    t.equal(
      line('%(m)s %(h)s %(H)s', { method: value, remoteAddress: value, httpVersion: value }),
      `${written} ${written} HTTP/${written}`,
    );
    t.equal(
      line('%({vary}o)s', { responseHeader: headers({ vary: [value, value] }) }),
      `${written}, ${written}`,
    );
  }
});

t.test('secret headers are never logged', async (t) => {
  const secret = 'hunter2';
  const names = ['x-admin-password', 'authorization', 'cookie', 'proxy-authorization', 'set-cookie'];
  const requestHeaders = Object.fromEntries(names.map((name) => [name, secret]));
  const both = { requestHeaders, responseHeader: headers(requestHeaders) };
  for (const name of names) {
    const variable = `HTTP_${name.replaceAll('-', '_').toUpperCase()}`;
    const format = `%({${name}}i)s %({${name.toUpperCase()}}i)s %({${name}}o)s %({${variable}}e)s`;
    t.equal(line(format, both), '- - - -', name);
  }
  t.notMatch(line('json', both), secret);
  t.notMatch(line('combined', both), secret);
});

t.test("the second's text rolls over, and back", async (t) => {
  const format = compileFormat('%(t)s');
  const at = (finishedAt: number) => format({ ...entry, finishedAt });
  const midnight = Date.UTC(2027, 0, 1);
  t.equal(at(midnight - 1), '[31/Dec/2026:23:59:59 +0000]');
  t.equal(at(midnight - 1000), '[31/Dec/2026:23:59:59 +0000]');
  t.equal(at(midnight), '[01/Jan/2027:00:00:00 +0000]');
  t.equal(at(midnight + 999.9), '[01/Jan/2027:00:00:00 +0000]');
  t.equal(at(midnight - 1), '[31/Dec/2026:23:59:59 +0000]', 'a clock that was set back');
});
