/** Which jobs end in the dead letters, with which reason, and what is left of them. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { createJob, deleteJob, untilDone, updateJob } from '../helpers/jobs.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const stores = await openStores(t, env);
const consumer = startProcess(t, 'consumer', { ...env, LOG_LEVEL: 'debug' });
await consumer.says('consuming');
const dead = `${stores.queue}.dead`;

const types = 'create_order, update_order_status, delete_order';
const invalid: [what: string, body: string | Buffer | object, reason: string][] = [
  ['no JSON', 'hello', 'The job is not valid JSON in UTF-8.'],
  ['nothing', '', 'The job is not valid JSON in UTF-8.'],
  ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'The job is not valid JSON in UTF-8.'],
  ['null', 'null', `type must be one of ${types}, got nothing.`],
  ['a list', '[]', `type must be one of ${types}, got nothing.`],
  ['an unknown type', { ...createJob(), type: 'explode' }, `type must be one of ${types}, got "explode".`],
  [
    'a type of ten thousand lists in each other',
    `{"job_id":"deep","type":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
    `type must be one of ${types}, got a list of 1.`,
  ],
  [
    'the type toString',
    { ...createJob(), type: 'toString' },
    `type must be one of ${types}, got "toString".`,
  ],
  [
    'no job_id',
    { ...createJob(), job_id: undefined },
    'job_id is required and must be a text of 1 to 64 characters.',
  ],
  [
    'no payload',
    { ...createJob(), payload: undefined },
    'payload is required and must be a JSON object with order_id, customer_name, status and items.',
  ],
  ['an odd order_id', createJob({ order_id: '7' }), 'payload.order_id must be a UUID, got "7".'],
  [
    'a name too long for its column',
    createJob({ customer_name: 'x'.repeat(81) }),
    'payload.customer_name must be a text of 1 to 80 characters, got "xxxxxxxxxxxxxxxxxxxx…" (81 characters).',
  ],
  ['no items', createJob({ items: [] }), 'payload.items must be a list of 1 to 1000 items, got a list of 0.'],
  [
    'a bad time',
    { ...createJob(), accepted_at: 'yesterday' },
    'accepted_at must be a time such as 2026-01-31T12:00:00.000Z, got "yesterday".',
  ],
];

t.test('what is no valid job is in the dead letters with its reason, byte for byte', async (t) => {
  for (const [what, body, reason] of invalid) {
    await stores.publish(body, { correlationId: 'req-8', headers: { origin: 'test' } });
    const message = await until(`${what} is in the dead letters`, () => stores.take(dead));
    const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    t.equal(message.content.toString('latin1'), Buffer.from(bytes).toString('latin1'), what);
    t.equal(message.properties.correlationId, 'req-8');
    t.equal(message.properties.deliveryMode, 2);
    t.match(message.properties.headers, {
      origin: 'test',
      'x-reason': 'invalid_message',
      'x-error': reason,
      'x-attempts': 1,
      'x-queue': stores.queue,
    });
  }
  const job = createJob();
  await stores.publish(job);
  await untilDone(consumer, job);
  t.ok(await stores.order(job.payload.order_id), 'the consumer lives on');
});

t.test('a job whose order never appears ends in the dead letters', async (t) => {
  const headers = { 'x-attempts': 4, 'x-first-failed-at': '2026-01-01T00:00:00.000Z' };
  for (const job of [updateJob(randomUUID(), 'x'), deleteJob(randomUUID())]) {
    await stores.publish(job, { headers });
    const message = await until('it is in the dead letters', () => stores.take(dead));
    t.strictSame(JSON.parse(message.content.toString()), job);
    t.match(message.properties.headers, {
      'x-reason': 'order_not_found',
      'x-error': `There is no order ${job.payload.order_id}.`,
      'x-attempts': 5,
      'x-first-failed-at': '2026-01-01T00:00:00.000Z',
    });
  }
});

t.test('a number of attempts that is none counts as none', async (t) => {
  const own = await isolatedEnvironment({ MAX_ATTEMPTS: '1' });
  const there = await openStores(t, own);
  await startProcess(t, 'consumer', own).says('consuming');
  for (const attempts of [-1, 0.5, 'many']) {
    await there.publish(updateJob(randomUUID(), 'x'), { headers: { 'x-attempts': attempts } });
    const message = await until('it is in the dead letters', () => there.take(`${there.queue}.dead`));
    t.match(message.properties.headers, { 'x-reason': 'order_not_found', 'x-attempts': 1 });
  }
});

t.test('an account that MySQL does not let in costs no job an attempt', async (t) => {
  const own = await isolatedEnvironment();
  const there = await openStores(t, own);
  const refused = startProcess(t, 'consumer', { ...own, DB_PASS: 'not the password' });
  const job = createJob();
  await refused.says('consuming');
  await there.publish(job);
  await refused.says('jobs wait for MySQL');
  t.equal(await refused.end(), 0);
  t.equal(await there.waiting(`${there.queue}.dead`), 0);
  const admitted = startProcess(t, 'consumer', own);
  await until('the job is applied', () => there.order(job.payload.order_id));
  t.equal(await admitted.end(), 0);
});

t.test('a job in the dead letters is not shown as pending any more', async (t) => {
  const own = await isolatedEnvironment({ MAX_ATTEMPTS: '1' });
  const ownStores = await openStores(t, own);
  const consumerOfOwn = startProcess(t, 'consumer', own);
  await consumerOfOwn.says('consuming');
  const job = { ...updateJob(randomUUID(), 'shipped'), version: 1_700_000_000_000_000 };
  const copy = `temp_order:${job.payload.order_id}`;
  await ownStores.redis.set(copy, JSON.stringify({ ...job.payload, version: String(job.version) }));
  await ownStores.publish(job);
  await until('it is a dead letter', () => ownStores.take(`${ownStores.queue}.dead`));
  await until('its copy is gone', async () => (await ownStores.redis.get(copy)) === null);
});
