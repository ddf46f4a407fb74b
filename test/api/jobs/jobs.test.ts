/** What clients are told of a job, from its 202 on: by Redis, by MySQL, and by the order alone. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { v7 as uuidv7 } from 'uuid';
import { until } from '../../../testbed/until.ts';
import { startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { startProcess } from '../../helpers/processes.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment({ MAX_ATTEMPTS: '1' });
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const { redis } = stores;

const get = async (url: string) => {
  const answer = await app.inject(url);
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
};
const job = async (id: string) => (await get(`/jobs/${id}`)).body;
const statusOf = async (url: string) => (await get(url)).body.status;
const write = async (method: 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) => {
  const answer = await app.inject({ method, url, ...(payload && { payload }) });
  t.equal(answer.statusCode, 202);
  return {
    ...answer.json(),
    location: String(answer.headers.location),
    retryAfter: answer.headers['retry-after'],
  };
};
const post = () => write('POST', '/orders', { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] });
const patch = (id: string, status: string) => write('PATCH', `/orders/${id}/status`, { status });
const ends = (id: string, status: string) =>
  until(`${id} is ${status}`, async () => (await job(id)).status === status);
const inTable = (id: string) =>
  until('MySQL has it', async () => {
    const [row] = await stores.rows('SELECT state FROM order_jobs WHERE job_id = ?', [id]);
    return row?.state;
  });

t.test('waiting, then done, and whoever is asked', async (t) => {
  const { job_id, order_id, location, retryAfter } = await post();
  t.match(location, new RegExp(`^/jobs/${job_id}\\?order_id=${order_id}&version=\\d{16}$`));
  t.equal(retryAfter, '1');
  const waiting = await get(location);
  t.match(waiting.body, {
    job_id,
    job_type: 'create_order',
    order_id,
    status: 'queued',
    attempts: 0,
    reason: null,
    error: null,
    next_try_at: null,
    accepted_at: /^\d{4}-.*Z$/,
    finished_at: null,
    request_id: /./,
  });
  t.match(waiting.headers, { 'cache-control': 'no-store', 'retry-after': '1' });
  for (const filter of ['', `&order_id=${order_id}`, '&type=create_order'])
    t.match(
      (await get(`/jobs?state=queued${filter}`)).body,
      { jobs: [{ job_id, status: 'queued' }] },
      filter,
    );
  for (const filter of [
    'state=retrying',
    'state=queued&type=delete_order',
    `state=queued&order_id=${randomUUID()}`,
  ])
    t.strictSame((await get(`/jobs?${filter}`)).body, { jobs: [] }, filter);
  await redis.flushdb();
  t.match((await get(location)).body, { job_id, order_id, status: 'queued' }, 'with a flushed Redis');
  t.match(
    (await get(`/jobs/${job_id}`)).body,
    { status: 'unknown' },
    'without what the link says, nobody can tell',
  );

  const consumer = startProcess(t, 'consumer', env);
  await ends(job_id, 'succeeded');
  const done = await get(location);
  t.match(done.body, { attempts: 1, finished_at: /^\d{4}-.*Z$/, accepted_at: waiting.body.accepted_at });
  t.equal(done.headers['cache-control'], 'private, max-age=31536000, immutable');
  await redis.flushdb();
  t.equal(await statusOf(location), 'succeeded', 'by the order, as no other write has its version');
  const { location: next, job_id: nextId } = await patch(order_id, 'sent');
  await ends(nextId, 'succeeded');
  await redis.flushdb();
  t.equal(await statusOf(next), 'succeeded');
  // On a busy machine the hub may be behind for so long by now that the journal is not searched.
  t.match(
    await statusOf(`/jobs/${job_id}`),
    /^(succeeded|unknown)$/,
    'the hub is behind, and the journal knows',
  );

  const hub = startProcess(t, 'hub', env);
  for (const id of [job_id, nextId]) {
    t.equal(await inTable(id), 'succeeded');
    await redis.flushdb();
    const { body } = await get(`/jobs/${id}`);
    t.match(body, { order_id, status: 'succeeded', attempts: 1, request_id: /./ });
  }
  t.match((await get(location)).body, done.body, 'the same as before');
  const removed = await write('DELETE', `/orders/${order_id}`);
  await ends(removed.job_id, 'succeeded');
  const late = await patch(order_id, 'late');
  await ends(late.job_id, 'superseded');
  await until(
    'the history is complete',
    async () => (await get(`/orders/${order_id}/history`)).body.complete,
  );
  const history = await get(`/orders/${order_id}/history`);
  t.strictSame(
    history.body.entries.map(({ job_id, status }: { job_id: string; status: string }) => [job_id, status]),
    [
      [late.job_id, 'superseded'],
      [removed.job_id, 'succeeded'],
      [nextId, 'succeeded'],
      [job_id, 'succeeded'],
    ],
    'newest first, also after the delete',
  );
  await stores.rows('DELETE FROM order_jobs WHERE job_id = ?', [nextId]);
  t.equal(await statusOf(next), 'settled', 'all that is left is a tombstone');
  const late_try = { state: 'retrying', at: 1, attempts: 1, error: 'It was locked.', next_try_at: 2 };
  const event = { job_id: nextId, job_type: 'update_order_status', order_id, version: 1, ...late_try };
  await redis.set(`job:${nextId}`, JSON.stringify(event));
  const settled = await get(`/jobs/${nextId}`);
  const unknown = { attempts: null, error: null, next_try_at: null, finished_at: null };
  t.match(
    settled.body,
    { status: 'settled', job_type: 'update_order_status', ...unknown },
    'nor its last try',
  );
  t.equal(settled.headers['cache-control'], 'no-store', 'it may be told in full later');
  await redis.del(`job:${nextId}`);
  const page = await get(`/orders/${order_id}/history?limit=2`);
  t.equal(page.body.entries.length, 2);
  const [, link = ''] = /<(.*)>; rel="next"/.exec(String(page.headers.link)) ?? [];
  t.equal((await get(`/orders/${order_id}/history${link}`)).body.entries[0].job_id, job_id);
  await hub.end();
  await consumer.end();
});

t.test('a dead letter, replayed and discarded', async (t) => {
  const consumer = startProcess(t, 'consumer', env);
  const hub = startProcess(t, 'hub', env);
  const { job_id, location } = await patch(randomUUID(), 'lost');
  await ends(job_id, 'dead');
  const dead = await get(location);
  t.match(dead.body, {
    status: 'dead',
    attempts: 1,
    reason: 'order_not_found',
    error: /^There is no order/,
    finished_at: /Z$/,
  });
  t.equal(dead.headers['cache-control'], 'no-store', 'it may be replayed');
  t.equal(await inTable(job_id), 'dead');
  await redis.flushdb();
  t.match((await get(location)).body, dead.body);
  await consumer.end();

  const letters = (what: string) =>
    app.inject({
      method: 'POST',
      url: `/admin/dead-letters/${what}`,
      payload: { password: 'sesame', job_ids: [job_id] },
    });
  t.equal((await letters('replay')).json().replayed, 1);
  t.match(await job(job_id), { status: 'queued', finished_at: null });
  await until('MySQL knows', async () => (await inTable(job_id)) === 'queued');
  await redis.flushdb();
  t.equal(await statusOf(location), 'queued');
  const again = startProcess(t, 'consumer', env);
  await ends(job_id, 'dead');
  // The story tells of it before it is moved.
  await until('the letter is there', async () => (await letters('discard')).json().discarded === 1);
  t.match(await job(job_id), { status: 'discarded', attempts: 1, reason: 'order_not_found' });
  await until('MySQL knows', async () => (await inTable(job_id)) === 'discarded');
  await again.end();
  await hub.end();
});

t.test('a job in a delay queue, and a Redis that was emptied', async (t) => {
  const own = await isolatedEnvironment();
  const its = await startReadyApp(t, own);
  const { redis } = await openStores(t, own);
  const consumer = startProcess(t, 'consumer', own);
  const patch = { method: 'PATCH', url: `/orders/${randomUUID()}/status`, payload: { status: 'x' } } as const;
  const { job_id } = (await its.inject(patch)).json();
  const status = async () => (await its.inject(`/jobs/${job_id}`)).json().status;
  await until('it has failed for the second time', async () => {
    const { status, attempts } = (await its.inject(`/jobs/${job_id}`)).json();
    return status === 'retrying' && attempts === 2;
  });
  await redis.flushdb();
  t.equal(await status(), 'unknown');
  t.equal((await its.inject('/health/ready')).json().status, 'ready');
  t.equal(await status(), 'unknown', 'as it waits where a consumer does not look');
  await consumer.end();
});

t.test('a reset cancels what waits', async (t) => {
  const [first, second] = [await post(), await post()];
  const reset = await app.inject({ method: 'POST', url: '/admin/reset', payload: { password: 'sesame' } });
  t.equal(reset.statusCode, 200);
  t.equal(await statusOf(first.location), 'cancelled');
  await redis.flushdb();
  t.equal(await statusOf(second.location), 'cancelled');
});

t.test('jobs of another publisher', async (t) => {
  const hub = startProcess(t, 'hub', env);
  const consumer = startProcess(t, 'consumer', env);
  const orderId = randomUUID();
  const jobId = `it's a "job" \\ 🦀 ${randomUUID()}`;
  const payload = {
    order_id: orderId,
    customer_name: 'O\\Brien',
    items: [{ name: 'Tea', quantity: 1 }],
    status: 'x',
  };
  await stores.publish({ job_id: jobId, type: 'create_order', payload });
  t.equal(await inTable(jobId), 'succeeded');
  t.match(await job(encodeURIComponent(jobId)), { job_id: jobId, status: 'succeeded', order_id: orderId });
  const capitals = randomUUID().toUpperCase();
  const ids = [capitals, '🦀'.repeat(64), 'a\nb'];
  for (const job_id of ids) await stores.publish({ job_id, type: 'create_order', payload });
  for (const id of ids) await inTable(id);
  t.match(await job(capitals), { job_id: capitals, status: 'succeeded' }, 'an id that is its own');
  for (const path of [`/orders/${orderId}/history`, `/jobs?order_id=${orderId}`]) {
    const seen: string[] = [];
    for (let url = `${path}${path.includes('?') ? '&' : '?'}limit=1`; url; ) {
      const { body, headers } = await get(url);
      for (const { job_id } of body.entries ?? body.jobs) seen.push(job_id);
      const [, link] = /<(.*)>; rel="next"/.exec(String(headers.link)) ?? [];
      url = link === undefined ? '' : `${path.split('?')[0]}${link}`;
    }
    t.strictSame(seen.sort(), [jobId, ...ids].sort(), `${path}: none of them has a version`);
  }
  await hub.end();
  await consumer.end();
});

t.test('pages through jobs', async (t) => {
  const all = (await get('/jobs?limit=1000')).body.jobs;
  t.ok(all.length >= 6, `${all.length} jobs`);
  const seen: string[] = [];
  for (let url = '/jobs?limit=2'; url; ) {
    const { body, headers } = await get(url);
    seen.push(...body.jobs.map(({ job_id }: { job_id: string }) => job_id));
    const [, link] = /<(.*)>; rel="next"/.exec(String(headers.link)) ?? [];
    url = link === undefined ? '' : `/jobs${link}`;
  }
  t.strictSame(
    seen,
    all.map(({ job_id }: { job_id: string }) => job_id),
  );
  const { jobs } = (await get('/jobs?state=superseded&type=update_order_status')).body;
  t.strictSame(
    jobs.map(({ status }: { status: string }) => status),
    ['superseded'],
  );
  const [{ order_id }] = jobs;
  t.equal((await get(`/jobs?order_id=${order_id}`)).body.jobs.length, 3);
  t.match((await get('/jobs?state=started')).body, {
    code: 'invalid_input',
    error: /^state must be one of queued, .*, got "started"\.$/,
  });
  const [{ job_id }] = jobs;
  const places = ['x', '1', '1_', '999999999999999_a', '99999999999999999999_a', '_a'];
  for (const after of [
    ...places,
    ...['1_a', '18446744073709551616'].map((cursor) => `${cursor}&state=queued`),
  ])
    t.match(
      (await get(`/jobs?after=${after}`)).body,
      { code: 'invalid_input', error: /^after must be/ },
      after,
    );
  const capitals = `/jobs/${job_id.toUpperCase()}`;
  t.match((await get(capitals)).body, { job_id, order_id }, 'an id in capitals is the same id');
  const link = `?order_id=${order_id.toUpperCase()}&version=1`;
  t.match((await get(`${capitals}${link}`)).body, { job_id, order_id });
  t.equal((await get(`/jobs${link}`)).body.jobs.length, 3);
});

t.test('a history is complete only if it is known that nothing waits', async (t) => {
  const hub = startProcess(t, 'hub', env);
  const { order_id } = await post();
  const isComplete = async (id: string) => (await get(`/orders/${id}/history`)).body.complete;
  t.equal(await isComplete(order_id), false);
  await redis.flushdb();
  t.equal(await isComplete(order_id), false, 'its copy is lost');
  const consumer = startProcess(t, 'consumer', env);
  await until('it is known', () => isComplete(order_id), 30_000);
  t.equal((await get(`/orders/${order_id}/history`)).body.entries.length, 1);
  t.equal((await get('/orders/x/history')).status, 404);
  await consumer.end();
  await hub.end();
});

t.test('ids of no job', async (t) => {
  for (const id of [uuidv7({ msecs: Date.now() + 3_600_000 }), uuidv7(), randomUUID(), 'x'.repeat(5_000)]) {
    await until('it is certain', async () => (await get(`/jobs/${id}`)).status === 404);
    t.match((await get(`/jobs/${id}`)).body, { code: 'job_not_found' });
  }
  t.equal((await get(`/jobs/${uuidv7()}?order_id=x&version=1`)).status, 400);
  t.equal((await get(`/jobs/${uuidv7()}?order_id=${randomUUID()}&version=-1`)).status, 400);
});
