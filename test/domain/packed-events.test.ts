/** Events without the names of fields. */
import t from 'tap';
import { readJobEvents } from '../../domain/job-events.ts';
import type { WriteJob } from '../../domain/jobs.ts';
import { packed } from '../../domain/packed-events.ts';

const order_id = '11111111-2222-7333-8444-555555555555';
const AT = Date.UTC(2026, 10, 29);
const happened = { at: AT, acceptedAt: AT - 5, attempts: 3, requestId: 'r"1' };
const about = { job_id: "it's \\ a job", version: 1_764_446_400_000_000 };
const order = {
  order_id,
  customer_name: 'O\'Brien "\u{1F600}"\n',
  status: 'received',
  items: [
    { name: ']", "', quantity: 1 },
    { name: 'b', quantity: 2_147_483_647 },
  ],
};
const jobs: WriteJob[] = [
  { ...about, type: 'create_order', payload: order },
  { ...about, type: 'update_order_status', payload: { order_id, status: 'sent' } },
  { ...about, type: 'delete_order', payload: { order_id } },
];
const set = [
  { customer_name: order.customer_name, status: order.status, items: order.items },
  { status: 'sent' },
  undefined,
];

t.test('what is packed is read as it was', async (t) => {
  for (const [i, job] of jobs.entries()) {
    const { text, full } = packed(job, happened, 8_192);
    const event = {
      ...about,
      job_type: job.type,
      order_id,
      state: 'succeeded',
      at: AT,
      accepted_at: AT - 5,
      attempts: 3,
      request_id: 'r"1',
      order: undefined,
    };
    t.strictSame(readJobEvents(`[${text}]`), [event], job.type);
    t.strictSame(readJobEvents(`[${full}]`), [{ ...event, order: set[i] }], job.type);
  }
});

t.test('a job of another publisher, without a version and a request id', async (t) => {
  const job: WriteJob = { job_id: 'x', type: 'delete_order', payload: { order_id } };
  const [event] = readJobEvents(`[${packed(job, { ...happened, requestId: undefined }, 10).full}]`);
  t.match(event, { job_id: 'x', version: 0, request_id: undefined });
});

t.test(
  'what was set is left out where it is too long, and what other publishers put beside it',
  async (t) => {
    const [create] = jobs;
    if (!create) throw new Error('no job');
    const { text, full } = packed(create, happened, 20);
    t.equal(full, text);
    const [item] = order.items;
    const items = [{ ...item, name: 'c', quantity: 1, colour: 'red' }];
    const odd: WriteJob = { ...about, type: 'create_order', payload: { ...order, items } };
    const [event] = readJobEvents(`[${packed(odd, happened, 8_192).full}]`);
    t.strictSame(event?.order, { ...set[0], items: [{ name: 'c', quantity: 1 }] });
  },
);

t.test('a list that is no event is none', async (t) => {
  for (const text of [
    '[[]]',
    '[[1,2,3]]',
    '[[null,null,null,null,null,null,null,null]]',
    '[[[]]]',
    '[["a"]]',
  ])
    t.strictSame(readJobEvents(text), [], text);
});
