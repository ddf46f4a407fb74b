/** HISTORY_DAYS=0: nothing is kept of jobs, and links answer by the order alone. */
import t from 'tap';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment({ HISTORY_DAYS: '0' });
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);

t.test('a link answers, nothing is written down', async (t) => {
  const payload = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
  const answer = await app.inject({ method: 'POST', url: '/orders', payload });
  const { job_id, order_id } = answer.json();
  const link = String(answer.headers.location);
  const job = async () => (await app.inject(link)).json();
  t.match(await job(), { job_id, order_id, status: 'queued' });
  const id = async () => (await app.inject(`/jobs/${job_id}`)).json();
  t.match(await id(), { job_id, status: 'unknown' }, 'not that there is no such job');
  t.match((await app.inject('/jobs?state=queued')).json(), { code: 'history_not_kept' });
  const consumer = startProcess(t, 'consumer', env);
  await until('it is applied', async () => (await job()).status === 'succeeded');
  const patch = { method: 'PATCH', url: `/orders/${order_id}/status`, payload: { status: 'sent' } } as const;
  const next = String((await app.inject(patch)).headers.location);
  await until('it is applied', async () => (await app.inject(next)).json().status === 'succeeded');
  t.equal((await job()).status, 'settled');
  t.match(await id(), { job_id, status: 'unknown' });
  const { payload: stream } = await app.inject(`/jobs/${job_id}/events?${link.split('?')[1]}`);
  t.match(stream, /\nevent: degraded\ndata: \{"message":"Redis tells nothing: .*\ndata: .*"settled"/s);
  t.strictSame((await app.inject(`/orders/${order_id}/history`)).json(), {
    order_id,
    entries: [],
    complete: false,
  });
  await consumer.end();
  t.strictSame(await stores.redis.keys('job:*'), []);
  t.equal(await stores.redis.exists('orders:feed'), 0);
  for (const table of ['order_journal', 'order_jobs'])
    t.strictSame(await stores.rows(`SELECT * FROM ${table}`), [], table);
});
