/** /admin/dead-letters over HTTP. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { until } from '../../../testbed/until.ts';
import { startApp, startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment();
const app = await startReadyApp(t, env);
const stores = await openStores(t, env);
const dead = `${stores.queue}.dead`;
const URL = '/admin/dead-letters';
const password = { 'x-admin-password': 'sesame' };

const bury = async (count: number) => {
  await stores.channel.purgeQueue(dead);
  const jobs = Array.from({ length: count }, () => ({
    job_id: randomUUID(),
    type: 'update_order_status',
    payload: { order_id: randomUUID(), status: 'packed' },
  }));
  for (const job of jobs)
    stores.channel.sendToQueue(dead, Buffer.from(JSON.stringify(job)), {
      correlationId: 'req-9',
      headers: {
        'x-reason': 'order_not_found',
        'x-error': 'There is no order.',
        'x-attempts': 5,
        'x-first-failed-at': '2026-01-01T00:00:00.000Z',
        'x-last-failed-at': '2026-01-01T00:01:21.000Z',
        'x-queue': stores.queue,
      },
    });
  await stores.channel.waitForConfirms();
  return jobs;
};
const left = (count: number) =>
  until(`${count} letters are left`, async () => (await stores.waiting(dead)) === count);
const post = (what: string, payload?: object) =>
  app.inject({ method: 'POST', url: `${URL}/${what}`, headers: password, payload });

t.test('GET: a page of them, and they stay', async (t) => {
  const jobs = await bury(3);
  const response = await app.inject({ url: `${URL}?offset=1&limit=1`, headers: password });
  t.equal(response.statusCode, 200);
  t.strictSame(response.json(), {
    total_dead_letters: 3,
    dead_letters: [
      {
        letter_id: jobs[1]?.job_id,
        job_id: jobs[1]?.job_id,
        job_type: 'update_order_status',
        order_id: jobs[1]?.payload.order_id,
        reason: 'order_not_found',
        error: 'There is no order.',
        attempts: 5,
        first_failed_at: '2026-01-01T00:00:00.000Z',
        last_failed_at: '2026-01-01T00:01:21.000Z',
        queue: stores.queue,
        request_id: 'req-9',
        body: JSON.stringify(jobs[1]),
        body_base64: null,
        body_bytes: Buffer.byteLength(JSON.stringify(jobs[1])),
      },
    ],
    next_offset: 2,
  });
  await left(3);
  const all = (await app.inject({ url: URL, headers: password })).json();
  t.strictSame(
    all.dead_letters.map(({ job_id }: { job_id: string }) => job_id),
    jobs.map(({ job_id }) => job_id),
  );
  await left(3);
});

t.test('GET: a page that is none', async (t) => {
  const queries: [query: string, error: string][] = [
    ['limit=0', 'limit must be an integer from 1 to 1000, got 0.'],
    ['limit=1001', 'limit must be an integer from 1 to 1000, got 1001.'],
    ['offset=-1', 'offset must be an integer from 0 to 1000000, got -1.'],
    ['offset=x', 'offset must be an integer from 0 to 1000000, got "x".'],
    ['offset=1.5', 'offset must be an integer from 0 to 1000000, got 1.5.'],
    ['limit=', 'limit must be an integer from 1 to 1000, got "".'],
    ['limit=1&limit=2', 'limit must be an integer from 1 to 1000, got a list of 2.'],
  ];
  for (const [query, error] of queries) {
    const response = await app.inject({ url: `${URL}?${query}`, headers: password });
    t.equal(response.statusCode, 400, query);
    t.strictSame(response.json(), { error, code: 'invalid_input' });
  }
});

t.test('replay and discard: by job id, then all', async (t) => {
  const jobs = await bury(5);
  const [first, second] = jobs;
  const steps: [what: string, payload: object | undefined, answer: object, letters: number, jobs: number][] =
    [
      ['replay', { job_ids: [second?.job_id, 'nobody'] }, { replayed: 1 }, 4, 1],
      ['discard', { job_ids: [first?.job_id] }, { discarded: 1 }, 3, 1],
      ['replay', undefined, { replayed: 3 }, 0, 4],
      ['replay', {}, { replayed: 0 }, 0, 4],
      ['discard', undefined, { discarded: 0 }, 0, 4],
    ];
  for (const [what, payload, answer, letters, waiting] of steps) {
    const response = await post(what, payload);
    t.equal(response.statusCode, 200);
    t.strictSame(response.json(), answer, `${what} ${JSON.stringify(payload)}`);
    await left(letters);
    t.equal(await stores.waiting(), waiting);
  }
  await bury(2);
  t.strictSame((await post('discard', { password: 'sesame' })).json(), { discarded: 2 });
});

t.test('a body of another form changes nothing', async (t) => {
  await bury(2);
  const choice = 'The request body must be nothing, for all of them, or a JSON object with job_ids';
  const bodies: [body: object, error: string][] = [
    [{ job_ids: [] }, `${choice}, got an object.`],
    [{ job_ids: 'one' }, `${choice}, got an object.`],
    [{ job_ids: [7] }, `${choice}, got an object.`],
    [{ job_ids: null }, `${choice}, got an object.`],
    [{ job_id: 'one' }, `${choice}, got an object.`],
    [['one'], `${choice}, got a list of 1.`],
  ];
  for (const what of ['replay', 'discard'])
    for (const [body, error] of bodies) {
      const response = await post(what, body);
      t.equal(response.statusCode, 400, `${what} ${JSON.stringify(body)}`);
      t.strictSame(response.json(), { error, code: 'invalid_input' });
    }
  await left(2);
});

t.test('only with the admin password', async (t) => {
  await bury(1);
  const requests = [
    { method: 'GET', url: URL },
    { method: 'POST', url: `${URL}/replay` },
    { method: 'POST', url: `${URL}/discard` },
  ] as const;
  const locked = await startApp(t, { ...env, ADMIN_PASSWORD: '' });
  for (const request of requests) {
    for (const headers of [{}, { 'x-admin-password': 'Sesame' }]) {
      const response = await app.inject({ ...request, headers });
      t.equal(response.statusCode, 401);
      t.strictSame(response.json(), { error: 'Unauthorized.', code: 'unauthorized' });
    }
    t.equal((await locked.inject({ ...request, headers: password })).statusCode, 500);
  }
  t.equal(await stores.waiting(dead), 1);
  const inBody = { method: 'POST', url: `${URL}/discard`, payload: { password: 'sesame' } } as const;
  t.strictSame((await app.inject(inBody)).json(), { discarded: 1 });
});

t.test('without RabbitMQ: 503', async (t) => {
  const cut = await startApp(t, { ...env, RABBITMQ_PORT: '1' });
  for (const request of [{ url: URL }, { method: 'POST', url: `${URL}/replay` }] as const)
    t.equal((await cut.inject({ ...request, headers: password })).statusCode, 503);
});
