/** Jobs put on the queue by hand, as another publisher, a redelivery or a slow network would. */
import { randomUUID } from 'node:crypto';
import { loadConfig } from '../../../process/config.ts';
import { onConnection } from '../../../queue/connection.ts';
import type { OrderHistory, Write } from './history.ts';

const FIRST_VERSION = 1_700_000_000_000_000;

/** Publishes bodies to a queue in this order and waits until the broker has them. */
export const publishAll = (env: NodeJS.ProcessEnv, to: string, bodies: string[]): Promise<void> =>
  onConnection(loadConfig(env).rabbitmq, 'fault suite', async (model) => {
    const channel = await model.createConfirmChannel();
    for (const body of bodies) channel.sendToQueue(to, Buffer.from(body), { persistent: true });
    await channel.waitForConfirms();
  });

/**
 * An order's history as if all had been accepted, and the jobs that it consists of, in the order of their versions.
 * @param writes what is done to it, the create first
 */
export const makeJobs = (name: string, kinds: Write['kind'][]): { order: OrderHistory; jobs: string[] } => {
  const order_id = randomUUID();
  const writes = kinds.map((kind, i): Write => {
    const status = { create: 'new', status: `status ${i}`, delete: '' }[kind];
    return { kind, status, outcome: 'accepted', jobId: randomUUID() };
  });
  const jobs = writes.map(({ kind, status, jobId: job_id }, i) => {
    const version = FIRST_VERSION + i;
    const items = [{ name: 'Tea', quantity: 1 }];
    const job = {
      create: { type: 'create_order', payload: { order_id, customer_name: name, status, items } },
      status: { type: 'update_order_status', payload: { order_id, status } },
      delete: { type: 'delete_order', payload: { order_id } },
    }[kind];
    return JSON.stringify({ job_id, ...job, version });
  });
  return { order: { name, quantity: 1, id: order_id, writes, reads: [] }, jobs };
};
