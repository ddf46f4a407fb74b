/** Queues with dead letters in them, as a consumer leaves them there. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { openBroker } from '../../queue/broker.ts';
import { deadLetters } from '../../queue/dead-letters.ts';
import { deadQueue } from '../../queue/topology.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from './environment.ts';
import { untilDeclared } from './queues.ts';
import { openStores } from './stores.ts';

const EPOCH = 1_700_000_000_000_000;
const items = [{ name: 'Tea', quantity: 1 }];
export const create = (order_id: string, version = 1) => ({
  job_id: randomUUID(),
  type: 'create_order',
  payload: { order_id, customer_name: 'Ada', status: 'received', items },
  version: EPOCH + version,
});
export const patch = (order_id: string, status: string, version: number) => ({
  job_id: randomUUID(),
  type: 'update_order_status',
  payload: { order_id, status },
  version: EPOCH + version,
});
export const remove = (order_id: string, version: number) => ({
  job_id: randomUUID(),
  type: 'delete_order',
  payload: { order_id },
  version: EPOCH + version,
});
export type Job = ReturnType<typeof create> | ReturnType<typeof patch> | ReturnType<typeof remove>;

/** A queue of its own with these jobs among its dead letters, as a consumer leaves them there. */
export const open = async (t: Test, jobs: Job[] = []) => openIn(t, await isolatedEnvironment(), jobs);

export const openIn = async (t: Test, env: NodeJS.ProcessEnv, jobs: Job[]) => {
  const config = loadConfig(env).rabbitmq;
  const broker = await openBroker(config, unobserved);
  t.teardown(() => broker.close());
  await until('the broker is reached', () =>
    broker.ping().then(
      () => true,
      () => false,
    ),
  );
  await untilDeclared(env);
  const stores = await openStores(t, env);
  const dead = deadQueue(stores.queue);
  const bury = async (...buried: Job[]) => {
    for (const job of buried) {
      const publish = () =>
        broker.publish(dead, Buffer.from(JSON.stringify(job)), {
          messageId: job.job_id,
          correlationId: `req-${job.job_id}`,
          type: job.type,
          headers: { origin: 'test', 'x-reason': 'failed', 'x-error': 'Data too long.', 'x-attempts': 5 },
        });
      // A quorum queue that was declared a moment ago may refuse its first messages.
      await until('the letter is taken', () =>
        publish().then(
          () => true,
          () => false,
        ),
      );
    }
  };
  await bury(...jobs);
  return { env, stores, dead, bury, broker, letters: deadLetters(broker) };
};

export const someJobs = (count: number) =>
  Array.from({ length: count }, (_, i) => patch(randomUUID(), `status ${i}`, i + 1));
export const idsOf = (jobs: { job_id: string | null }[]) => jobs.map(({ job_id }) => job_id);
/** All letters are back in their queue once those who looked at them are gone. */
export const settled = (waiting: () => Promise<number>, count: number) =>
  until(`${count} letters wait`, async () => (await waiting()) === count);
