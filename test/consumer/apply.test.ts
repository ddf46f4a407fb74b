/** Transactions that run into each other, and what they tell. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { applyJobs } from '../../consumer/apply.ts';
import { readJobEvents } from '../../domain/job-events.ts';
import type { WriteJob } from '../../domain/jobs.ts';
import type { AcceptedJob } from '../../domain/plan.ts';
import { createClock } from '../../domain/versions.ts';
import { unobserved } from '../../process/log-events.ts';
import { startDatabase } from '../helpers/database.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const { orm } = startDatabase(t, env, true);
const stores = await openStores(t, env);

/**
 * How long a transaction waits before its COMMIT: by then the others have done everything that need not wait for it.
 */
const LAG_MS = 300;

const applying = { orm, observer: unobserved, clock: createClock(), writeLagMs: LAG_MS, isTold: true };

const accepted = (job: WriteJob): AcceptedJob => ({ job, acceptedAt: new Date() });
const create = (order_id: string): AcceptedJob =>
  accepted({
    job_id: randomUUID(),
    type: 'create_order',
    payload: { order_id, customer_name: 'Ada', status: 'received', items: [{ name: 'Tea', quantity: 1 }] },
    version: 1,
  });
const remove = (order_id: string): AcceptedJob =>
  accepted({ job_id: randomUUID(), type: 'delete_order', payload: { order_id }, version: 2 });

const cases: [what: string, batches: (id: string) => AcceptedJob[][]][] = [
  ['a create and its delete, beside the create again', (id) => [[create(id), remove(id)], [create(id)]]],
  ['the create again, beside both', (id) => [[create(id)], [create(id), remove(id)]]],
  ['both beside both', (id) => [1, 2].map(() => [create(id), remove(id)])],
];

for (const [what, batches] of cases)
  t.test(`${what}: the order is deleted, and stays so`, async (t) => {
    const id = randomUUID();
    await Promise.all(batches(id).map((jobs) => applyJobs(applying, jobs)));
    t.strictSame(await stores.rows('SELECT id FROM orders WHERE id = ?', [id]), []);
    t.equal((await stores.rows('SELECT id FROM deleted_orders WHERE id = ?', [id])).length, 1);
    const [count] = await stores.rows('SELECT SUM(orders) AS n FROM order_counts');
    t.equal(Number(count?.n), 0);
  });

t.test('what a batch did is told in the order in which it took effect', async (t) => {
  const id = randomUUID();
  await applyJobs(applying, [remove(id), create(id)]);
  const entries = await stores.rows('SELECT body FROM order_journal WHERE body LIKE ?', [`%${id}%`]);
  t.strictSame(
    entries.flatMap(({ body }) => readJobEvents(body)).map(({ job_type, state }) => [job_type, state]),
    [
      ['create_order', 'succeeded'],
      ['delete_order', 'succeeded'],
    ],
  );
});
