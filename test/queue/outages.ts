/** What writers are told if the broker is silent, or takes nothing because it is short of memory. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { fingerprintOf, keyedUuid } from '../../domain/keyed-ids.ts';
import { erlang } from '../../testbed/rabbitmqctl.ts';
import { until } from '../../testbed/until.ts';
import { startReadyApp } from '../helpers/app.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';
import type { OwnBroker } from './own-broker.ts';

const PUBLISH_TIMEOUT_MS = 1_000;
/** Within so long a broker writes a queue to disk that was just declared. */
const DECLARED_MS = 3_000;
const SHORT_OF_MEMORY = erlang.setMemoryLimit(0.0001);
const ENOUGH_MEMORY = erlang.setMemoryLimit(0.4);

export const testOutages = async (t: Test, { port, pid, evaluate }: OwnBroker): Promise<void> => {
  const env = await isolatedEnvironment({
    RABBITMQ_PORT: String(port),
    PUBLISH_TIMEOUT: String(PUBLISH_TIMEOUT_MS / 1000),
  });
  const app = await startReadyApp(t, env);
  const stores = await openStores(t, env);
  const declared = performance.now();

  const payload = { customer_name: 'Ada', status: 'received', items: [{ name: 'Tea', quantity: 1 }] };
  const keyedOrderId = (key: string) =>
    keyedUuid({ key, fingerprint: fingerprintOf({ type: 'create_order', meaning: payload }) }, 'order');
  const post = async (key: string = randomUUID()) => {
    const started = performance.now();
    const response = await app.inject({
      method: 'POST',
      url: '/orders',
      headers: { 'idempotency-key': key },
      payload,
    });
    const { order_id = '', error = '' } = response.json();
    return { response, code: response.statusCode, ms: performance.now() - started, order_id, error };
  };
  const accepted = () => until('a write is accepted', async () => (await post()).code === 202);
  const refused = 'Unable to queue order.';

  t.test('silent: the first write’s outcome is unknown, later ones are refused at once', async (t) => {
    const key = randomUUID();
    await accepted();
    await sleep(Math.max(0, declared + DECLARED_MS - performance.now()));
    process.kill(pid, 'SIGSTOP');
    t.teardown(() => process.kill(pid, 'SIGCONT'));
    const first = await post(key);
    t.equal(first.code, 503);
    t.equal(first.response.headers['retry-after'], '1');
    t.match(
      first.error,
      'is unknown, as the broker did not answer in time. A retry with the same Idempotency-Key',
    );
    t.ok(first.ms > PUBLISH_TIMEOUT_MS * 0.9 && first.ms < 3 * PUBLISH_TIMEOUT_MS, `after ${first.ms} ms`);

    const later = await Promise.all(Array.from({ length: 20 }, () => post()));
    for (const { code, error, ms } of later) {
      t.strictSame({ code, error }, { code: 503, error: refused });
      t.ok(ms < PUBLISH_TIMEOUT_MS / 2, `after ${ms} ms`);
    }
    const asked = performance.now();
    const headers = { 'x-admin-password': 'sesame' };
    const questions = await Promise.all([
      app.inject({ url: '/admin/dead-letters', headers }),
      app.inject({ method: 'POST', url: '/admin/dead-letters/replay', headers }),
      app.inject({ method: 'POST', url: '/admin/reset', headers }),
    ]);
    t.strictSame(
      questions.map(({ statusCode }) => statusCode),
      [503, 503, 503],
      'and nobody who asks it something hangs',
    );
    t.ok(performance.now() - asked < 12_000, 'each question has a deadline of 5 s');
    const pending = `temp_order:${keyedOrderId(key)}`;
    t.equal(await stores.redis.exists(pending), 0, 'no reader sees what was not accepted');

    process.kill(pid, 'SIGCONT');
    await accepted();
    const again = await post(key);
    t.equal(again.code, 202);
    t.equal(again.order_id, keyedOrderId(key));
    const consumer = startProcess(t, 'consumer', env);
    await until('the order is applied', () => stores.order(again.order_id));
    await until('the queue is empty', async () => (await stores.waiting()) === 0);
    const [{ n } = { n: 0 }] = await stores.rows('SELECT COUNT(*) AS n FROM orders WHERE id = ?', [
      again.order_id,
    ]);
    t.equal(Number(n), 1, 'one order, though the broker had the first message too');
    await consumer.end();
  });

  t.test('short of memory: 503 at once, reads work, and writes again once it has some', async (t) => {
    await accepted();
    await evaluate(SHORT_OF_MEMORY);
    // The broker says so to a connection when that one publishes.
    await until('the connection is blocked', async () => (await post()).error === refused);
    for (let i = 0; i < 10; i++) {
      const { code, error, ms } = await post();
      t.strictSame({ code, error }, { code: 503, error: refused });
      t.ok(ms < PUBLISH_TIMEOUT_MS / 2, `after ${ms} ms`);
    }
    t.equal((await app.inject('/orders')).statusCode, 200);
    const admin = { 'x-admin-password': 'sesame' };
    for (const request of [{ url: '/admin/dead-letters' }, { method: 'POST', url: '/admin/reset' }] as const)
      t.equal((await app.inject({ ...request, headers: admin })).statusCode, 503, request.url);
    await evaluate(ENOUGH_MEMORY);
    await accepted();
  });

  t.test('short of memory: a consumer that cannot move a job hands it back when it is to end', async (t) => {
    await stores.channel.purgeQueue(stores.queue);
    for (let i = 0; i < 5; i++) await stores.publish('no job');
    await evaluate(SHORT_OF_MEMORY);
    const consumer = startProcess(t, 'consumer', env);
    await consumer.says('could not be moved yet');
    const started = performance.now();
    t.equal(await consumer.end('SIGTERM'), 0);
    t.ok(performance.now() - started < 10_000, 'long before it would be killed');
    await evaluate(ENOUGH_MEMORY);
    // One that was moved when the alarm came may be there twice.
    await until('all are there', async () => {
      const [jobs, dead] = [await stores.waiting(), await stores.waiting(`${stores.queue}.dead`)];
      return jobs > 0 && jobs + dead >= 5;
    });
  });

  t.test('short of memory: jobs that cannot be moved hold up no others', async (t) => {
    await stores.channel.purgeQueue(stores.queue);
    const update = () => ({
      job_id: randomUUID(),
      type: 'update_order_status',
      payload: { order_id: randomUUID(), status: 'shipped' },
    });
    const create = () => {
      const order_id = randomUUID();
      const payload = {
        order_id,
        customer_name: 'Ada',
        status: 'new',
        items: [{ name: 'Tea', quantity: 1 }],
      };
      return { job_id: order_id, type: 'create_order', payload };
    };
    const creates = Array.from({ length: 20 }, create);
    for (const job of [update(), update(), ...creates]) await stores.publish(job);
    await evaluate(SHORT_OF_MEMORY);
    const consumer = startProcess(t, 'consumer', {
      ...env,
      CONSUMER_BATCH_SIZE: '5',
      CONSUMER_CONCURRENCY: '1',
    });
    await consumer.says('could not be moved yet');
    for (const { job_id } of creates) await until('an order is applied', () => stores.order(job_id));
    await evaluate(ENOUGH_MEMORY);
    await consumer.says('order_not_found');
    t.equal(await consumer.end(), 0);
  });
};
