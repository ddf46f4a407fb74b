/** What the stores hold in the end. A store that cannot be read throws: the run has failed then, not passed. */
import { type Channel, connect } from 'amqplib';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { loadConfig } from '../../../process/config.ts';
import { DELAYS_MS, deadQueue, retryQueue } from '../../../queue/topology.ts';
import type { StoredOrder } from './checker.ts';
import { GONE } from './history.ts';
import { createCaller } from './load.ts';

const READERS = 16;

export const readOrders = async (env: NodeJS.ProcessEnv): Promise<StoredOrder[]> => {
  const connection = await createConnection(connectionOptions(loadConfig(env).mysql));
  try {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT orders.id, customer_name, status, item_name, quantity FROM orders
       LEFT JOIN order_items ON order_id = orders.id ORDER BY orders.id, order_items.id`,
    );
    const found = new Map<string, StoredOrder>();
    for (const { id, customer_name: name, status, item_name, quantity } of rows) {
      const order: StoredOrder = found.get(id) ?? { id, name, status, items: [] };
      if (item_name !== null) order.items.push({ name: item_name, quantity });
      found.set(id, order);
    }
    return [...found.values()];
  } finally {
    await connection.end();
  }
};

/** Works on a channel of a connection of its own. */
const onChannel = async <T>(
  env: NodeJS.ProcessEnv,
  work: (channel: Channel, queues: { jobs: string; delayed: string[]; dead: string }) => Promise<T>,
): Promise<T> => {
  const { protocol, hostname, port, username, password, queue } = loadConfig(env).rabbitmq;
  const connection = await connect({ protocol, hostname, port, username, password });
  // What fails is told by the call that fails.
  connection.on('error', () => {});
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    const delayed = DELAYS_MS.map((delay) => retryQueue(queue, delay));
    return await work(channel, { jobs: queue, delayed, dead: deadQueue(queue) });
  } finally {
    await connection.close().catch(() => {});
  }
};

/** Removes the queues of the service and all that is in them. */
export const removeQueues = (env: NodeJS.ProcessEnv): Promise<void> =>
  onChannel(env, async (channel, { jobs, delayed, dead }) => {
    for (const name of [jobs, ...delayed, dead]) await channel.deleteQueue(name);
  });

/** How many messages wait to be applied, now or after a delay, and which jobs are in the dead letters. */
export const readQueues = (env: NodeJS.ProcessEnv) =>
  onChannel(env, async (channel, queues) => {
    let waiting = 0;
    for (const name of [queues.jobs, ...queues.delayed])
      waiting += (await channel.checkQueue(name)).messageCount;
    const dead: { jobId: string; reason: string }[] = [];
    for (let message = await channel.get(queues.dead); message; message = await channel.get(queues.dead))
      dead.push({
        jobId: jobIdOf(message.content),
        reason: String(message.properties.headers?.['x-reason']),
      });
    return { waiting, dead };
  });

const jobIdOf = (body: Buffer): string => {
  try {
    return String(JSON.parse(body.toString()).job_id);
  } catch {
    return '(no job)';
  }
};

/** What GET shows of each order: its status, or GONE. */
export const readShown = async (url: string, ids: string[]): Promise<Map<string, string>> => {
  const { call, close } = createCaller();
  const shown = new Map<string, string>();
  const waiting = [...ids];
  const reader = async () => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const answer = await call('GET', `${url}/orders/${id}`);
      if (typeof answer === 'string' || ![200, 404].includes(answer.status))
        throw new Error(`GET /orders/${id} cannot be read in the end: ${JSON.stringify(answer)}`);
      shown.set(id, answer.status === 404 ? GONE : (answer.body.status ?? '(nothing)'));
    }
  };
  try {
    await Promise.all(Array.from({ length: READERS }, reader));
  } finally {
    close();
  }
  return shown;
};
