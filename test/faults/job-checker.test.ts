/** The checker finds each kind of false word about a job, a missing event and a wrong history, and none where all is well. */
import t from 'tap';
import { check, type FinalState, noViolations, type Violations } from './engine/checker.ts';
import type { OrderHistory, Write } from './engine/history.ts';
import type { PublishedEvent } from './engine/job-checker.ts';

const create = (): Write => ({ kind: 'create', status: 'new', outcome: 'accepted' });
const status = (value: string): Write => ({ kind: 'status', status: value, outcome: 'accepted' });
const remove = (): Write => ({ kind: 'delete', status: '', outcome: 'accepted' });

const ids = ['c', 's', 'd'];
/** The writes of an order whose jobs are named in their order: c, s, d. */
const named = (...writes: Write[]) => writes.map((write, n): Write => ({ ...write, jobId: ids[n] ?? '' }));
const event = (jobId: string, more: Partial<PublishedEvent> = {}): PublishedEvent => ({
  id: jobId,
  type: 'order.created',
  orderId: 'id',
  jobId,
  sequence: String(ids.indexOf(jobId)),
  ...more,
});
const creation = named(create());
const change = named(create(), status('a'));
const removal = named(create(), status('a'), remove());

interface Case {
  what: string;
  writes: Write[];
  stored?: string;
  /** The state of each job, separated by blanks. */
  states: string;
  /** The jobs of the events in their order; by default each that succeeded. */
  events?: PublishedEvent[];
  history?: string[];
  dead?: string[];
  found?: Partial<Violations>;
}

const cases: Case[] = [
  { what: 'all succeeded', writes: change, stored: 'a', states: 'succeeded succeeded' },
  { what: 'all succeeded, also the delete', writes: removal, states: 'succeeded succeeded succeeded' },
  {
    what: 'a status was overtaken by the next',
    writes: named(create(), status('a'), status('b')),
    stored: 'b',
    states: 'succeeded superseded succeeded',
  },
  { what: 'a status was overtaken by the delete', writes: removal, states: 'succeeded superseded succeeded' },
  {
    what: 'only the order is left to tell',
    writes: removal,
    states: 'settled settled settled',
    events: ids.map((id) => event(id)),
  },
  {
    what: 'a job is in the dead letters',
    writes: change,
    stored: 'new',
    states: 'succeeded dead',
    dead: ['s'],
    events: [event('c'), event('s', { id: 's.dead.1', type: 'job.dead' })],
  },
  {
    what: 'a reset came',
    writes: [...change, { ...remove(), byReset: true }],
    states: 'succeeded cancelled',
  },
  {
    what: 'succeeded is said of what is not there',
    writes: creation,
    states: 'succeeded',
    found: { lost: 1, falseStates: 1 },
  },
  {
    what: 'succeeded is said of a status that is not there',
    writes: change,
    stored: 'new',
    states: 'succeeded succeeded',
    found: { misordered: 1, falseStates: 1 },
  },
  {
    what: 'succeeded is said of a delete that has not happened',
    writes: removal,
    stored: 'a',
    states: 'succeeded succeeded succeeded',
    found: { revived: 1, falseStates: 1 },
  },
  {
    what: 'superseded is said of the newest write',
    writes: change,
    stored: 'a',
    states: 'succeeded superseded',
    found: { falseStates: 1 },
  },
  {
    what: 'superseded is said of what an event says was done',
    writes: removal,
    states: 'succeeded superseded succeeded',
    events: ids.map((id) => event(id)),
    found: { falseStates: 1 },
  },
  {
    what: 'cancelled is said without a reset',
    writes: removal,
    states: 'succeeded cancelled succeeded',
    found: { falseStates: 1 },
  },
  {
    what: 'dead is said of what is in no dead letter',
    writes: change,
    stored: 'a',
    states: 'succeeded dead',
    found: { falseStates: 1 },
  },
  {
    what: 'succeeded is said of a dead letter',
    writes: change,
    stored: 'new',
    states: 'succeeded succeeded',
    dead: ['s'],
    found: { falseStates: 1 },
  },
  ...['queued', 'retrying', 'unknown', 'HTTP 404', 'HTTP 503'].map((state) => ({
    what: `${state} is the last word`,
    writes: creation,
    stored: 'new',
    states: state.replace(' ', '_'),
    found: { openJobs: 1 },
  })),
  {
    what: 'an event came twice',
    writes: creation,
    stored: 'new',
    states: 'succeeded',
    events: [event('c'), event('c')],
  },
  {
    what: 'an event came again after the next',
    writes: change,
    stored: 'a',
    states: 'succeeded succeeded',
    events: [event('c'), event('s'), event('c'), event('s')],
  },
  {
    what: 'an event is missing',
    writes: change,
    stored: 'a',
    states: 'succeeded succeeded',
    events: [event('s')],
    found: { missingEvents: 1 },
  },
  {
    what: 'the only event of a job says that it is dead',
    writes: creation,
    stored: 'new',
    states: 'succeeded',
    events: [event('c', { type: 'job.dead' })],
    found: { missingEvents: 1 },
  },
  {
    what: 'an event is of another order',
    writes: creation,
    stored: 'new',
    states: 'succeeded',
    events: [event('c', { orderId: 'other' })],
    found: { missingEvents: 1 },
  },
  {
    what: 'an event came under two ids',
    writes: creation,
    stored: 'new',
    states: 'succeeded',
    events: [event('c'), event('c', { id: 'another' })],
    found: { doubledEvents: 1 },
  },
  {
    what: 'two events have the same number',
    writes: change,
    stored: 'a',
    states: 'succeeded succeeded',
    events: [event('c'), event('s', { sequence: '0' })],
    found: { doubledEvents: 1 },
  },
  {
    what: 'an event came before the one before it',
    writes: change,
    stored: 'a',
    states: 'succeeded succeeded',
    events: [event('s'), event('c'), event('s')],
    found: { misorderedEvents: 1 },
  },
  {
    what: 'the history lacks a write',
    writes: change,
    stored: 'a',
    states: 'succeeded succeeded',
    history: ['s'],
    found: { falseHistories: 1 },
  },
  {
    what: 'the history has a write twice',
    writes: change,
    stored: 'a',
    states: 'succeeded succeeded',
    history: ['s', 's', 'c'],
    found: { falseHistories: 1 },
  },
  {
    what: 'the history has the oldest write first',
    writes: change,
    stored: 'a',
    states: 'succeeded succeeded',
    history: ['c', 's'],
    found: { falseHistories: 1 },
  },
  {
    what: 'the history has a write that nobody knows whether it was accepted',
    writes: creation,
    stored: 'new',
    states: 'succeeded',
    history: ['x', 'c'],
  },
];

for (const { what, writes, stored, states: all, dead = [], found = {}, ...rest } of cases)
  t.test(what, async (t) => {
    const order: OrderHistory = { name: 'Ada', quantity: 1, id: 'id', writes, reads: [] };
    const jobs = writes.flatMap(({ jobId }) => jobId ?? []);
    const states = new Map(all.split(' ').map((state, n) => [ids[n] ?? '', state.replace('_', ' ')]));
    const done = jobs.filter((job) => states.get(job) === 'succeeded').map((job) => event(job));
    const final: FinalState = {
      stored:
        stored === undefined
          ? []
          : [{ id: 'id', name: 'Ada', status: stored, items: [{ name: 'Tea', quantity: 1 }] }],
      shown: new Map(),
      dead: new Set(dead),
      told: {
        states,
        events: rest.events ?? done,
        histories: new Map([['id', rest.history ?? jobs.toReversed()]]),
      },
    };
    t.strictSame(check([order], final, { readYourWrites: true }).violations, { ...noViolations, ...found });
  });
