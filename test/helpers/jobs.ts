/** Jobs with the plain body, as the Flask service and pika's examples publish it, and when a consumer is done with them. */
import { randomUUID } from 'node:crypto';
import { until } from '../../testbed/until.ts';
import type { Running } from './processes.ts';

const items = [
  { name: 'Zebra', quantity: 2 },
  { name: 'Ääkköset 🦀', quantity: 2_147_483_647 },
  { name: 'Aardvark', quantity: 1 },
];

/** @param override members of the payload */
export const createJob = (override = {}) => {
  const order_id = randomUUID();
  const payload = { order_id, customer_name: 'Grace 🦀', status: 'received', items, ...override };
  return { job_id: randomUUID(), type: 'create_order', payload };
};

export const updateJob = (order_id: string, status: string) => ({
  job_id: randomUUID(),
  type: 'update_order_status',
  payload: { order_id, status },
});

export const deleteJob = (order_id: string) => ({
  job_id: randomUUID(),
  type: 'delete_order',
  payload: { order_id },
});

/** Waits until a consumer has said so many times that it is done with a job. */
export const untilDone = ({ output }: Running, { job_id }: { job_id: string }, times = 1) =>
  until(`job ${job_id} is done ${times} times`, () => {
    const lines = output().split('\n');
    return lines.filter((line) => line.includes(job_id)).length >= times;
  });
