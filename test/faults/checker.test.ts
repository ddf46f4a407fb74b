/** The checker finds each kind of violation in a history that has it, and none in others. */
import t from 'tap';
import { check, type FinalState, noViolations, type Violations } from './engine/checker.ts';
import { GONE, type OrderHistory, type Outcome, type Read, type Write } from './engine/history.ts';

const create = (outcome: Outcome = 'accepted'): Write => ({ kind: 'create', status: 'new', outcome });
const status = (value: string, outcome: Outcome = 'accepted'): Write => ({
  kind: 'status',
  status: value,
  outcome,
});
const remove = (outcome: Outcome = 'accepted'): Write => ({ kind: 'delete', status: '', outcome });

interface Case {
  what: string;
  writes: Write[];
  reads?: Read[];
  /** The stored statuses, one a row. */
  stored: string[];
  quantity?: number;
  shown?: string;
  dead?: string[];
  found?: Partial<Violations>;
}

const cases: Case[] = [
  { what: 'all is well', writes: [create(), status('a'), status('b')], stored: ['b'], shown: 'b' },
  { what: 'deleted', writes: [create(), status('a'), remove()], stored: [], shown: GONE },
  { what: 'refused and not there', writes: [create('refused')], stored: [] },
  { what: 'an order is not there', writes: [create()], stored: [], found: { lost: 1 } },
  { what: 'an order is there twice', writes: [create()], stored: ['new', 'new'], found: { duplicated: 1 } },
  {
    what: 'its items are not its items',
    writes: [create()],
    stored: ['new'],
    quantity: 2,
    found: { duplicated: 1 },
  },
  {
    what: 'an older status won',
    writes: [create(), status('a'), status('b')],
    stored: ['a'],
    found: { misordered: 1 },
  },
  {
    what: 'a status was never applied',
    writes: [create(), status('a')],
    stored: ['new'],
    found: { misordered: 1 },
  },
  { what: 'a deleted order is back', writes: [create(), remove()], stored: ['new'], found: { revived: 1 } },
  { what: 'a refused order is there', writes: [create('refused')], stored: ['new'], found: { ghosts: 1 } },
  {
    what: 'a refused status is there',
    writes: [create(), status('a', 'refused')],
    stored: ['a'],
    found: { ghosts: 1 },
  },
  {
    what: 'a refused delete happened',
    writes: [create(), remove('refused')],
    stored: [],
    found: { ghosts: 1 },
  },
  { what: 'an unknown order is there', writes: [create('unknown')], stored: ['new'] },
  { what: 'an unknown order is not there', writes: [create('unknown')], stored: [] },
  { what: 'an unknown status happened', writes: [create(), status('a', 'unknown')], stored: ['a'] },
  { what: 'an unknown status did not happen', writes: [create(), status('a', 'unknown')], stored: ['new'] },
  {
    what: 'an unknown status won over a later accepted one',
    writes: [create(), status('a', 'unknown'), status('b')],
    stored: ['a'],
    found: { misordered: 1 },
  },
  { what: 'an unknown delete happened', writes: [create(), remove('unknown')], stored: [] },
  { what: 'an unknown delete did not happen', writes: [create(), remove('unknown')], stored: ['new'] },
  {
    what: 'a job in the dead letters had no effect',
    writes: [create(), { ...status('a'), jobId: 'j' }],
    dead: ['j'],
    stored: ['new'],
  },
  {
    what: 'a write was not read',
    writes: [create(), status('a')],
    reads: [{ after: 2, saw: 'new' }],
    stored: ['a'],
    found: { readYourWrites: 1 },
  },
  {
    what: 'a created order was not read',
    writes: [create()],
    reads: [{ after: 1, saw: GONE }],
    stored: ['new'],
    found: { readYourWrites: 1 },
  },
  {
    what: 'a refused status was read',
    writes: [create(), status('a', 'refused')],
    reads: [{ after: 2, saw: 'a' }],
    stored: ['new'],
    found: { ghosts: 1 },
  },
  {
    what: 'a delete that waits is read as deleting, then gone',
    writes: [create(), remove()],
    reads: [
      { after: 1, saw: 'new' },
      { after: 2, saw: 'deleting' },
      { after: 2, saw: GONE },
    ],
    stored: [],
  },
  {
    what: 'a delete was not read',
    writes: [create(), remove()],
    reads: [{ after: 2, saw: 'new' }],
    stored: [],
    found: { readYourWrites: 1 },
  },
  {
    what: 'what is shown is not what is stored',
    writes: [create()],
    stored: ['new'],
    shown: GONE,
    found: { readYourWrites: 1 },
  },
];

for (const { what, writes, reads = [], stored, quantity = 1, shown, dead = [], found = {} } of cases)
  t.test(what, async (t) => {
    const order: OrderHistory = { name: 'Ada', quantity: 1, id: 'id', writes, reads };
    const final: FinalState = {
      stored: stored.map((one) => ({
        id: 'id',
        name: 'Ada',
        status: one,
        items: [{ name: 'Tea', quantity }],
      })),
      shown: new Map(shown === undefined ? [] : [['id', shown]]),
      dead: new Set(dead),
    };
    const { violations, details } = check([order], final, { readYourWrites: true });
    t.strictSame(violations, { ...noViolations, ...found });
    t.equal(details.length, Object.keys(found).length);
  });

t.test('an order that nobody made is a ghost', async (t) => {
  const stranger = { id: 'x', name: 'Nobody', status: 'new', items: [] };
  const { violations } = check(
    [],
    { stored: [stranger], shown: new Map(), dead: new Set() },
    { readYourWrites: true },
  );
  t.strictSame(violations, { ...noViolations, ghosts: 1 });
});

t.test('reads are not judged where Redis may have lost what was pending', async (t) => {
  const order = { name: 'Ada', quantity: 1, id: 'id', writes: [create()], reads: [{ after: 1, saw: GONE }] };
  const stored = [{ id: 'id', name: 'Ada', status: 'new', items: [{ name: 'Tea', quantity: 1 }] }];
  const final = { stored, shown: new Map([['id', 'new']]), dead: new Set<string>() };
  t.strictSame(check([order], final, { readYourWrites: false }).violations, noViolations);
});
