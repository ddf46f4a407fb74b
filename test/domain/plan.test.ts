/** What a batch comes to: the same as its jobs one after the other, in the fewest changes. */
import t from 'tap';
import { type AcceptedJob, planBatch, type State } from '../../domain/plan.ts';
import { permutations } from '../helpers/permutations.ts';

const ID = '00000000-0000-7000-8000-000000000001';
const OTHER = '00000000-0000-7000-8000-000000000002';
const acceptedAt = new Date(1_700_000_000_000);

const post = (version?: number, order_id = ID): AcceptedJob => ({
  job: {
    job_id: `post ${version}`,
    type: 'create_order',
    payload: { order_id, customer_name: 'Ada', status: 'received', items: [{ name: 'Tea', quantity: 1 }] },
    version,
  },
  acceptedAt,
});
const patch = (status: string, version?: number, order_id = ID): AcceptedJob => ({
  job: { job_id: `patch ${version}`, type: 'update_order_status', payload: { order_id, status }, version },
  acceptedAt,
});
const remove = (version?: number, order_id = ID): AcceptedJob => ({
  job: { job_id: `delete ${version}`, type: 'delete_order', payload: { order_id }, version },
  acceptedAt,
});

/** A plan in one line. */
const outlined = (jobs: AcceptedJob[], before: [string, State][] = []) => {
  const { effects, states, inserts, updates, deletes } = planBatch(jobs, new Map(before));
  return {
    effects: jobs.map(({ job }) => effects.get(job)),
    states: Object.fromEntries(states),
    changes: [
      ...inserts.map(({ order, version }) => `insert ${order.status} ${version}`),
      ...updates.map(({ status, version }) => `update ${status} ${version}`),
      ...deletes.map(() => 'delete'),
    ],
  };
};

const table: [
  what: string,
  jobs: AcceptedJob[],
  before: State | undefined,
  effects: string[],
  state: State | undefined,
  changes: string[],
][] = [
  ['a POST', [post(1)], undefined, ['applied'], 1, ['insert received 1']],
  ['a POST without a version', [post()], undefined, ['applied'], 0, ['insert received 0']],
  ['a POST that is there', [post(1)], 3, ['unchanged'], 3, []],
  ['a POST after a delete', [post(1)], 'deleted', ['superseded'], 'deleted', []],
  ['the same POST twice', [post(1), post(1)], undefined, ['applied', 'unchanged'], 1, ['insert received 1']],
  ['a newer PATCH', [patch('a', 2)], 1, ['applied'], 2, ['update a 2']],
  ['an older PATCH', [patch('a', 2)], 3, ['superseded'], 3, []],
  ['the same PATCH again', [patch('a', 2)], 2, ['unchanged'], 2, []],
  ['a PATCH without a version', [patch('a')], 7, ['applied'], 7, ['update a 7']],
  ['PATCHes without versions', [patch('a'), patch('b')], 7, ['applied', 'applied'], 7, ['update b 7']],
  ['a PATCH of what is not there', [patch('a', 2)], undefined, ['order_not_found'], undefined, []],
  ['a PATCH after a delete', [patch('a', 2)], 'deleted', ['superseded'], 'deleted', []],
  ['a DELETE', [remove(2)], 1, ['applied'], 'deleted', ['delete']],
  ['a DELETE of what is not there', [remove(2)], undefined, ['order_not_found'], undefined, []],
  ['a DELETE again', [remove(2)], 'deleted', ['unchanged'], 'deleted', []],
  ['POST, PATCH', [post(1), patch('a', 2)], undefined, ['applied', 'applied'], 2, ['insert a 2']],
  ['PATCH, then its POST', [patch('a', 2), post(1)], undefined, ['applied', 'applied'], 2, ['insert a 2']],
  [
    'POST, DELETE',
    [post(1), remove(2)],
    undefined,
    ['applied', 'applied'],
    'deleted',
    ['insert received 1', 'delete'],
  ],
  ['PATCH, DELETE', [patch('a', 2), remove(3)], 1, ['applied', 'applied'], 'deleted', ['delete']],
  ['PATCHes out of order', [patch('c', 4), patch('b', 3)], 1, ['applied', 'superseded'], 4, ['update c 4']],
];
for (const [what, jobs, before, effects, state, changes] of table)
  t.test(what, async (t) => {
    t.strictSame(outlined(jobs, before === undefined ? [] : [[ID, before]]), {
      effects,
      states: state === undefined ? {} : { [ID]: state },
      changes,
    });
  });

t.test('whatever the order of delivery, the end is the same', async (t) => {
  for (const jobs of permutations([post(1), patch('a', 2), patch('b', 3)]))
    t.strictSame(outlined(jobs).changes, ['insert b 3']);
  for (const jobs of permutations([post(1), patch('a', 2), remove(3)]))
    t.strictSame(
      outlined(jobs).changes.map((change) => change.split(' ')[0]),
      ['insert', 'delete'],
    );
});

t.test('orders do not touch each other, and changes come in the order of ids', async (t) => {
  const { inserts, deletes } = planBatch([post(2, OTHER), post(1), remove(3, OTHER)], new Map());
  t.strictSame([inserts.length, deletes], [2, [{ id: OTHER, at: acceptedAt }]]);
  const both = planBatch([post(2, OTHER), post(1)], new Map());
  t.strictSame(
    both.inserts.map(({ order }) => order.order_id),
    [ID, OTHER],
  );
});
