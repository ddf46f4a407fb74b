import { Type } from '@sinclair/typebox';
import t from 'tap';
import { jobSchemas } from '../../domain/jobs.ts';
import { NewOrder, Order, OrderItem, StatusUpdate } from '../../domain/order.ts';
import { parser, validator } from '../../domain/validate.ts';

const problemOf = validator(NewOrder, 'The body');
const item = { name: 'apple', quantity: 1 };
const newOrder = (changes: object = {}) => ({ customer_name: 'Anna', items: [{ ...item }], ...changes });

const text80 = 'must be a text of 1 to 80 characters';
const quantity = 'must be an integer from 1 to 2147483647';
const refused: [value: unknown, sentence: string][] = [
  [undefined, 'The body must be a JSON object with customer_name and items, got nothing.'],
  [null, 'The body must be a JSON object with customer_name and items, got null.'],
  ['text', 'The body must be a JSON object with customer_name and items, got "text".'],
  [[1, 2], 'The body must be a JSON object with customer_name and items, got a list of 2.'],
  [{}, 'customer_name is required and must be a text of 1 to 80 characters.'],
  [{ customer_name: 'Anna' }, 'items is required and must be a list of 1 to 1000 items.'],
  [newOrder({ customer_name: null }), `customer_name ${text80}, got null.`],
  [newOrder({ customer_name: 7 }), `customer_name ${text80}, got 7.`],
  [newOrder({ customer_name: true }), `customer_name ${text80}, got true.`],
  [newOrder({ customer_name: { first: 'Anna' } }), `customer_name ${text80}, got an object.`],
  [newOrder({ customer_name: '' }), `customer_name ${text80}, got "".`],
  [
    newOrder({ customer_name: 'x'.repeat(81) }),
    `customer_name ${text80}, got "${'x'.repeat(20)}…" (81 characters).`,
  ],
  [
    newOrder({ customer_name: '🍏'.repeat(81) }),
    `customer_name ${text80}, got "${'🍏'.repeat(20)}…" (81 characters).`,
  ],
  [newOrder({ customer_name: 'a\ud800' }), `customer_name ${text80}, got "a\\ud800".`],
  [newOrder({ customer_name: '\udc00b' }), `customer_name ${text80}, got "\\udc00b".`],
  [newOrder({ status: '' }), 'status must be a text of 1 to 20 characters, got "".'],
  [
    newOrder({ status: 's'.repeat(21) }),
    `status must be a text of 1 to 20 characters, got "${'s'.repeat(21)}".`,
  ],
  [newOrder({ status: null }), 'status must be a text of 1 to 20 characters, got null.'],
  [newOrder({ items: 'apple' }), 'items must be a list of 1 to 1000 items, got "apple".'],
  [newOrder({ items: {} }), 'items must be a list of 1 to 1000 items, got an object.'],
  [newOrder({ items: [] }), 'items must be a list of 1 to 1000 items, got a list of 0.'],
  [
    newOrder({ items: Array.from({ length: 1001 }, () => item) }),
    'items must be a list of 1 to 1000 items, got a list of 1001.',
  ],
  [newOrder({ items: ['apple'] }), 'items[0] must be an object with name and quantity, got "apple".'],
  [newOrder({ items: [item, null] }), 'items[1] must be an object with name and quantity, got null.'],
  [
    newOrder({ items: [{ quantity: 1 }] }),
    'items[0].name is required and must be a text of 1 to 80 characters.',
  ],
  [
    newOrder({ items: [item, { name: 'pear' }] }),
    'items[1].quantity is required and must be an integer from 1 to 2147483647.',
  ],
  [newOrder({ items: [item, { ...item, name: '' }] }), `items[1].name ${text80}, got "".`],
  [
    newOrder({ items: [...Array.from({ length: 10 }, () => item), { ...item, quantity: 0 }] }),
    `items[10].quantity ${quantity}, got 0.`,
  ],
  [newOrder({ items: [{ ...item, quantity: -1 }] }), `items[0].quantity ${quantity}, got -1.`],
  [newOrder({ items: [{ ...item, quantity: 1.5 }] }), `items[0].quantity ${quantity}, got 1.5.`],
  [
    newOrder({ items: [{ ...item, quantity: 2_147_483_648 }] }),
    `items[0].quantity ${quantity}, got 2147483648.`,
  ],
  [newOrder({ items: [{ ...item, quantity: Number.NaN }] }), `items[0].quantity ${quantity}, got NaN.`],
  [newOrder({ items: [{ ...item, quantity: 'many' }] }), `items[0].quantity ${quantity}, got "many".`],
];
t.test('what is refused, in a sentence', async (t) => {
  for (const [value, sentence] of refused) t.equal(problemOf(value), sentence);
});

const accepted: [what: string, value: object][] = [
  ['the least', newOrder()],
  ['80 letters', newOrder({ customer_name: 'x'.repeat(80) })],
  ['80 emoji are 80 characters', newOrder({ customer_name: '🍏'.repeat(80) })],
  ['20 emoji', newOrder({ status: '🍏'.repeat(20) })],
  ['more than one line', newOrder({ customer_name: 'Anna\nBob' })],
  ['the smallest quantity', newOrder({ items: [{ ...item, quantity: 1 }] })],
  ['the greatest quantity', newOrder({ items: [{ ...item, quantity: 2_147_483_647 }] })],
  ['1000 items', newOrder({ items: Array.from({ length: 1000 }, () => item) })],
  ['the same item twice', newOrder({ items: [item, item] })],
  ['unknown fields', newOrder({ note: 'x', items: [{ ...item, colour: 'red' }] })],
];
t.test('what is accepted', async (t) => {
  for (const [what, value] of accepted) t.equal(problemOf(value), undefined, what);
});

t.test('the status of a new order', async (t) => {
  const parse = parser(NewOrder, 'The body', (sentence) => new Error(sentence));
  t.equal(parse(newOrder()).status, 'received', 'by default');
  t.equal(parse(newOrder({ status: 'paid' })).status, 'paid', 'as given');
  t.equal(
    validator(StatusUpdate, 'The body')({}),
    'status is required and must be a text of 1 to 20 characters.',
  );
});

t.test('parser() returns the value itself, or throws what it is told to', async (t) => {
  const parse = parser(OrderItem, 'The item', (sentence) => new RangeError(sentence));
  const value = { ...item };
  t.equal(parse(value), value);
  t.throws(() => parse(7), new RangeError('The item must be an object with name and quantity, got 7.'));
});

const order_id = '01890a5d-ac96-774b-bcce-b302099a8057';
const payload = { order_id, ...newOrder({ status: 'received' }) };
const job = (type: string, payload: unknown, changes: object = {}) => ({
  job_id: 'j1',
  type,
  payload,
  ...changes,
});

t.test('jobs', async (t) => {
  const create = validator(jobSchemas.create_order, 'The job');
  const update = validator(jobSchemas.update_order_status, 'The job');
  const remove = validator(jobSchemas.delete_order, 'The job');

  t.equal(create(job('create_order', payload)), undefined);
  t.equal(update(job('update_order_status', { order_id, status: 'paid' })), undefined);
  t.equal(remove(job('delete_order', { order_id })), undefined);
  t.equal(
    remove(job('delete_order', { order_id: '9f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f' }, { attempt: 2 })),
    undefined,
    'of another publisher: UUIDv4, more fields',
  );
  t.equal(remove(job('delete_order', { order_id }, { accepted_at: new Date(0).toISOString() })), undefined);

  const cases: [problem: string | undefined, sentence: string][] = [
    [create(undefined), 'The job must be a JSON object with job_id, type and payload, got nothing.'],
    [create({}), 'job_id is required and must be a text of 1 to 64 characters.'],
    [
      create(job('create_order', payload, { job_id: '' })),
      'job_id must be a text of 1 to 64 characters, got "".',
    ],
    [
      create(job('create_order', undefined)),
      'payload is required and must be a JSON object with order_id, customer_name, status and items.',
    ],
    [create(job('delete_order', payload)), 'type must be create_order, got "delete_order".'],
    [
      create(job('create_order', { ...payload, status: undefined })),
      'payload.status is required and must be a text of 1 to 20 characters.',
    ],
    [
      create(job('create_order', { ...payload, items: [{ ...item, quantity: 0 }] })),
      `payload.items[0].quantity ${quantity}, got 0.`,
    ],
    [
      update(job('update_order_status', { order_id })),
      'payload.status is required and must be a text of 1 to 20 characters.',
    ],
    [
      update(job('update_order_status', { status: 'paid' })),
      'payload.order_id is required and must be a UUID.',
    ],
    [
      remove(job('delete_order', { order_id: `${order_id}\n` })),
      `payload.order_id must be a UUID, got "${order_id}\\n".`,
    ],
    [remove(job('delete_order', [])), 'payload must be an object with order_id, got a list of 0.'],
    [
      remove(job('delete_order', { order_id }, { accepted_at: 'today' })),
      'accepted_at must be a time such as 2026-01-31T12:00:00.000Z, got "today".',
    ],
    ...['2026-13-01T00:00:00.000Z', '2026-02-30T00:00:00.000Z', '2026-01-31T12:00:00Z'].map(
      (accepted_at): [string | undefined, string] => [
        remove(job('delete_order', { order_id }, { accepted_at })),
        `accepted_at must be a time such as 2026-01-31T12:00:00.000Z, got "${accepted_at}".`,
      ],
    ),
  ];
  for (const [problem, sentence] of cases) t.equal(problem, sentence);
});

t.test('a whole order needs its id', async (t) => {
  t.equal(validator(Order, 'The order')(payload), undefined);
  t.equal(validator(Order, 'The order')(newOrder()), 'order_id is required and must be a UUID.');
});

t.test('any schema', async (t) => {
  const union = Type.Union([Type.Literal('a'), Type.Literal('b')], { description: 'a or b' });
  t.equal(validator(union, 'It')('c'), 'It must be a or b, got "c".', 'a union speaks as a whole');
  t.equal(
    validator(
      Type.Object({ pin: Type.String({ secret: true, maxLength: 1, description: 'a pin' }) }),
      'It',
    )({ pin: '123' }),
    'pin must be a pin, got a value that is not shown.',
  );
  t.equal(validator(Type.Number(), 'It')('x'), 'It must be valid, got "x".', 'without a description');
});
