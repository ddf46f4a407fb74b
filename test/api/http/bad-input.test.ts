import { connect } from 'node:net';
import t from 'tap';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';

const app = await startReadyApp(t, await isolatedEnvironment());
const ID = '00000000-0000-7000-8000-000000000001';
const items = [{ name: 'Tea', quantity: 1 }];
const order = { customer_name: 'Ada', items };
const item = (override: object) => ({ ...order, items: [{ ...items[0], ...override }] });

const NAME = 'a text of 1 to 80 characters';
const QUANTITY = 'an integer from 1 to 2147483647';
const ITEMS = 'a list of 1 to 1000 items';

const bodies: [what: string, body: unknown, sentence: string][] = [
  ['no customer_name', { items }, `customer_name is required and must be ${NAME}.`],
  ['no items', { customer_name: 'Ada' }, `items is required and must be ${ITEMS}.`],
  ['nothing', {}, `customer_name is required and must be ${NAME}.`],
  ['customer_name a number', { ...order, customer_name: 5 }, `customer_name must be ${NAME}, got 5.`],
  ['customer_name null', { ...order, customer_name: null }, `customer_name must be ${NAME}, got null.`],
  [
    'customer_name a list',
    { ...order, customer_name: [] },
    `customer_name must be ${NAME}, got a list of 0.`,
  ],
  ['customer_name empty', { ...order, customer_name: '' }, `customer_name must be ${NAME}, got "".`],
  [
    'customer_name too long',
    { ...order, customer_name: 'x'.repeat(81) },
    `customer_name must be ${NAME}, got "xxxxxxxxxxxxxxxxxxxx…" (81 characters).`,
  ],
  ['status a number', { ...order, status: 1 }, 'status must be a text of 1 to 20 characters, got 1.'],
  ['status empty', { ...order, status: '' }, 'status must be a text of 1 to 20 characters, got "".'],
  [
    'status too long',
    { ...order, status: 'y'.repeat(21) },
    'status must be a text of 1 to 20 characters, got "yyyyyyyyyyyyyyyyyyyyy".',
  ],
  ['items a text', { ...order, items: 'tea' }, `items must be ${ITEMS}, got "tea".`],
  ['items empty', { ...order, items: [] }, `items must be ${ITEMS}, got a list of 0.`],
  [
    'too many items',
    { ...order, items: Array(1001).fill(items[0]) },
    `items must be ${ITEMS}, got a list of 1001.`,
  ],
  [
    'an item is null',
    { ...order, items: [null] },
    'items[0] must be an object with name and quantity, got null.',
  ],
  ['no item name', item({ name: undefined }), `items[0].name is required and must be ${NAME}.`],
  ['item name empty', item({ name: '' }), `items[0].name must be ${NAME}, got "".`],
  ['no quantity', item({ quantity: undefined }), `items[0].quantity is required and must be ${QUANTITY}.`],
  ['quantity 0', item({ quantity: 0 }), `items[0].quantity must be ${QUANTITY}, got 0.`],
  ['quantity negative', item({ quantity: -1 }), `items[0].quantity must be ${QUANTITY}, got -1.`],
  ['quantity a fraction', item({ quantity: 1.5 }), `items[0].quantity must be ${QUANTITY}, got 1.5.`],
  [
    'quantity too large',
    item({ quantity: 2_147_483_648 }),
    `items[0].quantity must be ${QUANTITY}, got 2147483648.`,
  ],
  ['quantity no number', item({ quantity: 'two' }), `items[0].quantity must be ${QUANTITY}, got "two".`],
  ['quantity empty', item({ quantity: '' }), `items[0].quantity must be ${QUANTITY}, got "".`],
  ['quantity true', item({ quantity: true }), `items[0].quantity must be ${QUANTITY}, got true.`],
  [
    'numeric text too large',
    item({ quantity: '9999999999' }),
    `items[0].quantity must be ${QUANTITY}, got 9999999999.`,
  ],
  ['a list', [], 'The request body must be a JSON object with customer_name and items, got a list of 0.'],
  ['a text', '"tea"', 'The request body must be a JSON object with customer_name and items, got "tea".'],
  ['null', 'null', 'The request body must be a JSON object with customer_name and items, got null.'],
  ['no body', '', 'The request body must be a JSON object with customer_name and items, got null.'],
  ['broken JSON', '{"customer_name": "Ada", ', 'The request body is not valid JSON.'],
  ['__proto__', '{"__proto__": {"x": 1}, "customer_name": "Ada"}', 'The request body is not valid JSON.'],
  [
    'constructor.prototype',
    '{"constructor": {"prototype": {"x": 1}}}',
    'The request body is not valid JSON.',
  ],
  [
    'a lone surrogate',
    '{"customer_name": "\\ud800", "items": [{"name": "Tea", "quantity": 1}]}',
    `customer_name must be ${NAME}, got "\\ud800".`,
  ],
];

for (const [what, payload, sentence] of bodies)
  t.test(`POST /orders with ${what}`, async (t) => {
    const response = await app.inject({
      method: 'POST',
      url: '/orders',
      headers: { 'content-type': 'application/json' },
      payload: payload as object,
    });
    t.equal(response.statusCode, 400);
    t.strictSame(response.json(), { error: sentence, code: 'invalid_input' });
  });

t.test('PATCH with a bad status', async (t) => {
  const expected = 'a text of 1 to 20 characters';
  for (const [payload, sentence] of [
    [{}, `status is required and must be ${expected}.`],
    [{ status: 7 }, `status must be ${expected}, got 7.`],
    [{ status: '' }, `status must be ${expected}, got "".`],
    [[], 'The request body must be a JSON object with status, got a list of 0.'],
  ] as const) {
    const response = await app.inject({ method: 'PATCH', url: `/orders/${ID}/status`, payload });
    t.equal(response.statusCode, 400);
    t.strictSame(response.json(), { error: sentence, code: 'invalid_input' });
  }
});

t.test('a body of 5 MB is 413', async (t) => {
  const payload = { ...order, customer_name: 'x'.repeat(5_000_000) };
  const response = await app.inject({ method: 'POST', url: '/orders', payload });
  t.equal(response.statusCode, 413);
  t.strictSame(response.json(), {
    error: 'The request body is too large: at most 1048576 bytes are taken.',
    code: 'body_too_large',
  });
});

t.test('another content type is 415', async (t) => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'text/html; charset=x']) {
    const headers = { 'content-type': type };
    const response = await app.inject({ method: 'POST', url: '/orders', headers, payload: 'a=b' });
    t.equal(response.statusCode, 415);
    t.strictSame(response.json(), {
      error: `Content-Type must be application/json, got "${type}".`,
      code: 'unsupported_media_type',
    });
  }
});

t.test('an id that cannot be an order is 404 for every method', async (t) => {
  const odd = [
    '1',
    'null',
    'undefined',
    '-1',
    'a'.repeat(5_000),
    '%00',
    '..%2f..%2fetc',
    "'%20OR%201=1--",
    '🦀',
    `${ID}0`,
    ID.slice(1),
  ];
  for (const id of odd)
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['PATCH', '/status'],
    ] as const) {
      const url = `/orders/${id.startsWith('🦀') ? encodeURIComponent(id) : id}${path}`;
      const payload = method === 'PATCH' ? { status: 'x' } : undefined;
      const response = await app.inject({ method, url, payload });
      t.equal(response.statusCode, 404, `${method} ${id.slice(0, 20)}`);
      t.strictSame(response.json(), {
        error: `Order with ID '${decodeURIComponent(id)}' not found.`,
        code: 'order_not_found',
      });
    }
});

t.test('an unknown route and a broken URL are told in the same shape', async (t) => {
  for (const [method, url, status, error] of [
    ['GET', '/nowhere?x=1', 404, 'There is no GET /nowhere here.'],
    ['PUT', '/orders', 404, 'There is no PUT /orders here.'],
    ['DELETE', '/orders', 404, 'There is no DELETE /orders here.'],
    ['GET', '/orders/%E0%A4%A', 400, 'The URL must be valid percent-encoded UTF-8, got "/orders/%E0%A4%A".'],
  ] as const) {
    const response = await app.inject({ method, url });
    t.equal(response.statusCode, status, url);
    t.strictSame(response.json(), { error, code: status === 404 ? 'route_not_found' : 'invalid_input' });
  }
});

t.test('bytes that are no HTTP get a 400 in the same shape, and the server lives on', async (t) => {
  const { hostname: host, port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  const socket = connect({ host, port: Number(port) });
  socket.end('GARBAGE\r\n\r\n');
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  t.match(answer, /^HTTP\/1\.1 400 /);
  t.strictSame(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''), {
    error: 'The request is not valid HTTP.',
    code: 'invalid_input',
  });
  t.equal((await app.inject('/health/live')).statusCode, 200);
});
