/** Looking at dead letters, replaying and discarding them, with a real consumer that applies what is replayed. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { PublishError } from '../../queue/errors.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import {
  create,
  idsOf,
  type Job,
  open,
  openIn,
  patch,
  remove,
  settled,
  someJobs,
} from '../helpers/letters.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

t.test('list: pages, oldest first, and the letters stay where they are', async (t) => {
  const jobs = someJobs(5);
  const { letters, stores, dead } = await open(t, jobs);
  const pages: [offset: number, limit: number][] = [
    [0, 2],
    [2, 2],
    [4, 2],
    [5, 2],
    [0, 1_000],
    [0, Number.MAX_SAFE_INTEGER],
  ];
  for (const [offset, limit] of pages) {
    const page = await letters.list(offset, limit);
    t.equal(page.total, 5);
    t.strictSame(idsOf(page.letters), idsOf(jobs.slice(offset, offset + limit)), `${limit} from ${offset}`);
    await settled(() => stores.waiting(dead), 5);
  }
  const [job] = jobs;
  t.strictSame((await letters.list(0, 1)).letters, [
    {
      letter_id: job?.job_id,
      job_id: job?.job_id,
      job_type: 'update_order_status',
      order_id: job?.payload.order_id,
      reason: 'failed',
      error: 'Data too long.',
      attempts: 5,
      first_failed_at: null,
      last_failed_at: null,
      queue: null,
      request_id: `req-${job?.job_id}`,
      body: JSON.stringify(job),
      body_base64: null,
      body_bytes: Buffer.byteLength(JSON.stringify(job)),
    },
  ]);
});

t.test('list: what is no job is shown as it came', async (t) => {
  const { letters, stores, dead } = await open(t);
  const strange = ['', 'hello', 'null', '[]', '{"job_id": 7, "payload": null}'];
  for (const body of strange) stores.channel.sendToQueue(dead, Buffer.from(body));
  await stores.channel.waitForConfirms();
  const { letters: found } = await letters.list(0, 10);
  t.strictSame(
    found.map(({ body }) => body),
    strange,
  );
  for (const letter of found)
    t.match(letter, {
      letter_id: /^sha256:[0-9a-f]{64}$/,
      job_id: null,
      order_id: null,
      reason: null,
      attempts: null,
    });
  await settled(() => stores.waiting(dead), 5);
  const chosen = found.slice(1, 3).map(({ letter_id }) => letter_id);
  t.equal(await letters.discard(chosen), 2, 'it can be chosen all the same');
  const { letters: left } = await letters.list(0, 10);
  t.strictSame(
    left.map(({ body }) => body),
    strange.filter((_, at) => at === 0 || at > 2),
  );
});

t.test(
  'list: large letters are shown in part, and not more at once than a process should hold',
  async (t) => {
    const { letters, stores, dead } = await open(t);
    const large = Buffer.alloc(5_000_000, 'ä');
    const whole = Buffer.alloc(2 ** 20, 'x');
    for (const [messageId, body] of [
      ['large', large],
      ...Array.from({ length: 6 }, (_, i): [string, Buffer] => [`whole ${i}`, whole]),
    ] as const)
      stores.channel.sendToQueue(dead, body, { messageId, headers: { 'x-error': 'x'.repeat(60_000) } });
    await stores.channel.waitForConfirms();
    const first = await letters.list(0, 100);
    t.equal(first.total, 7);
    t.strictSame(idsOf(first.letters), ['large', 'whole 0', 'whole 1', 'whole 2', 'whole 3']);
    const [beginning, next] = first.letters;
    t.equal(beginning?.body, 'ä'.repeat(2 ** 15));
    t.equal(beginning?.body_bytes, large.length);
    t.equal(beginning?.error?.length, 1_000);
    t.equal(next?.body, whole.toString(), 'what may be a job of the API is shown whole');
    t.equal(first.nextOffset, 5);
    await settled(() => stores.waiting(dead), 7);
    const second = await letters.list(5, 100);
    t.strictSame(idsOf(second.letters), ['whole 4', 'whole 5']);
    t.equal(second.nextOffset, null);
    await settled(() => stores.waiting(dead), 7);
    t.equal(await letters.replay(['large']), 1);
    const replayed = await until('it is back', () => stores.take());
    t.ok(replayed.content.equals(large));
    await settled(() => stores.waiting(dead), 6);
    t.equal(await letters.discard(), 6);
  },
);

t.test('list: what is no UTF-8 is shown unharmed too', async (t) => {
  const { letters, stores, dead } = await open(t);
  const bytes = Buffer.from([0xff, 0x00, 0x41]);
  for (const body of [bytes, Buffer.from('\ufeffä🦀')]) stores.channel.sendToQueue(dead, body);
  await stores.channel.waitForConfirms();
  t.match((await letters.list(0, 9)).letters, [
    { body: '\ufffd\u0000A', body_base64: bytes.toString('base64'), body_bytes: 3 },
    { body: '\ufeffä🦀', body_base64: null, body_bytes: 9 },
  ]);
});

t.test('replay: what would go elsewhere or cannot be written is left behind', async (t) => {
  const { letters, stores, dead } = await open(t);
  const headers = { CC: [dead], number: { '!': 'double', value: -1e300 }, 'x-attempts': 5 };
  stores.channel.sendToQueue(dead, Buffer.from('{}'), { headers });
  await stores.channel.waitForConfirms();
  t.equal(await letters.replay(), 1);
  const message = await until('it is back', () => stores.take());
  t.match(message.properties.headers, { number: -1e300, 'x-dropped-headers': 'CC' });
  t.equal(await stores.waiting(dead), 0);
});

t.test('replay by job id: headers of failures are gone, all else is kept, and the others stay', async (t) => {
  const jobs = someJobs(4);
  const { letters, stores, dead } = await open(t, jobs);
  const [, second, third] = jobs;
  t.equal(await letters.replay([third?.job_id ?? '', second?.job_id ?? '', 'nobody']), 2);
  await settled(() => stores.waiting(dead), 2);
  t.strictSame(
    idsOf((await letters.list(0, 9)).letters),
    idsOf(jobs.filter((job) => job !== second && job !== third)),
  );
  for (const job of [second, third]) {
    const message = await until('a job is back', () => stores.take());
    t.strictSame(JSON.parse(message.content.toString()), job);
    // A quorum queue counts its own deliveries in a header.
    const { 'x-delivery-count': _, ...headers } = message.properties.headers ?? {};
    t.strictSame(headers, { origin: 'test' });
    t.match(message.properties, {
      messageId: job?.job_id,
      correlationId: `req-${job?.job_id}`,
      type: job?.type,
      deliveryMode: 2,
    });
  }
});

t.test('discard: by job id, then all', async (t) => {
  const jobs = someJobs(4);
  const { letters, stores, dead } = await open(t, jobs);
  t.equal(await letters.discard([jobs[1]?.job_id ?? '']), 1);
  await settled(() => stores.waiting(dead), 3);
  t.strictSame(idsOf((await letters.list(0, 9)).letters), idsOf(jobs.filter((_, i) => i !== 1)));
  await settled(() => stores.waiting(dead), 3);
  t.equal(await letters.discard(), 3);
  t.equal(await letters.discard(), 0);
  t.equal(await stores.waiting(), 0, 'none was put back');
});

t.test('a letter whose replay is refused goes back, and so do those after it', async (t) => {
  const env = await isolatedEnvironment();
  const stores = await openStores(t, env);
  const full = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
  await stores.channel.assertQueue(stores.queue, { durable: true, arguments: full });
  const jobs = someJobs(3);
  const { letters, dead } = await openIn(t, env, jobs);
  const refusal = await letters.replay().catch((error) => error);
  t.ok(refusal instanceof PublishError);
  await settled(() => stores.waiting(dead), 2);
  t.strictSame(idsOf((await letters.list(0, 9)).letters), idsOf(jobs.slice(1)));
  t.equal(await stores.waiting(), 1);
});

t.test('what is replayed is applied as it would have been', async (t) => {
  const { env, letters, stores, dead, bury } = await open(t);
  const consumer = startProcess(t, 'consumer', { ...env, LOG_LEVEL: 'debug' });
  const [kept, newer, deleted, lost] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const done = (job: Job) => until(`job ${job.job_id} is done`, () => consumer.output().includes(job.job_id));
  const apply = async (...jobs: Job[]) => {
    for (const job of jobs) await stores.publish(job);
    for (const job of jobs) await done(job);
  };
  await apply(
    create(kept),
    create(newer),
    patch(newer, 'newer', 9),
    create(deleted),
    patch(deleted, 'x', 2),
    remove(deleted, 9),
  );
  const buried = [
    patch(kept, 'packed', 5),
    patch(newer, 'older', 5),
    create(deleted),
    patch(deleted, 'back', 12),
    patch(lost, 'early', 2),
    create(lost),
  ];
  await bury(...buried);
  t.equal(await letters.replay(), buried.length);
  for (const job of buried) await done(job);
  const status = async (id: string) => (await stores.order(id))?.status;
  await until('the patch has found its order', async () => (await status(lost)) === 'early');
  t.equal(await status(kept), 'packed');
  t.equal(await status(newer), 'newer', 'nothing goes back');
  t.equal(await status(deleted), undefined, 'nothing comes back');
  t.equal(await stores.waiting(dead), 0);
});

t.test('a replayed job has all its attempts again', async (t) => {
  const { env, letters, stores, dead, bury } = await open(t);
  const job = patch(randomUUID(), 'x', 1);
  await bury(job);
  startProcess(t, 'consumer', env);
  t.equal(await letters.replay([job.job_id]), 1);
  const retried = `${stores.queue}.retry.1000`;
  await until('it waits for its second try', async () => (await stores.waiting(retried)) === 1);
  t.equal(await stores.waiting(dead), 0);
});
