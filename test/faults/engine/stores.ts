/** What the stores hold in the end. A store that cannot be read throws: the run has failed then, not passed. */
import type { Channel } from 'amqplib';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { loadConfig } from '../../../process/config.ts';
import { onConnection } from '../../../queue/connection.ts';
import { DELAYS_MS, deadQueue, retryQueue } from '../../../queue/topology.ts';
import type { StoredOrder } from './checker.ts';
import type { PublishedEvent } from './job-checker.ts';

/** Every event of the exchange comes into this queue as well. */
const EVENTS_QUEUE = 'fault_suite_events';

const queryRows = async (env: NodeJS.ProcessEnv, query: string): Promise<RowDataPacket[]> => {
  const connection = await createConnection(connectionOptions(loadConfig(env).mysql));
  try {
    const [rows] = await connection.query<RowDataPacket[]>(query);
    return rows;
  } finally {
    await connection.end();
  }
};

export const readOrders = async (env: NodeJS.ProcessEnv): Promise<StoredOrder[]> => {
  const rows = await queryRows(
    env,
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
};

/** How many entries of the journal the hub has not passed on, and how many jobs it has written down. */
export const readHub = async (env: NodeJS.ProcessEnv): Promise<{ left: number; jobs: number }> => {
  const [row] = await queryRows(
    env,
    'SELECT (SELECT COUNT(*) FROM order_journal) AS `left`, (SELECT COUNT(*) FROM order_jobs) AS jobs',
  );
  return { left: Number(row?.left), jobs: Number(row?.jobs) };
};

/** Works on a channel of a connection of its own. */
const onChannel = <T>(
  env: NodeJS.ProcessEnv,
  work: (channel: Channel, queues: { jobs: string; delayed: string[]; dead: string }) => Promise<T>,
): Promise<T> => {
  const { rabbitmq } = loadConfig(env);
  const { queue } = rabbitmq;
  return onConnection(rabbitmq, 'fault suite', async (model) => {
    const channel = await model.createChannel();
    // What fails is told by the call that fails.
    channel.on('error', () => {});
    const delayed = DELAYS_MS.map((delay) => retryQueue(queue, delay));
    return await work(channel, { jobs: queue, delayed, dead: deadQueue(queue) });
  });
};

/** Removes the queues of the service and of the suite, and all that is in them. */
export const removeQueues = (env: NodeJS.ProcessEnv): Promise<void> =>
  onChannel(env, async (channel, { jobs, delayed, dead }) => {
    for (const name of [jobs, ...delayed, dead, EVENTS_QUEUE]) await channel.deleteQueue(name);
  });

/**
 * From now on all events come into a queue.
 * @param most how many the queue takes: it refuses more
 * @param type a quorum queue survives the loss of a node
 */
export const bindEvents = (
  env: NodeJS.ProcessEnv,
  { most, type }: { most: number | undefined; type: 'classic' | 'quorum' },
): Promise<void> =>
  onChannel(env, async (channel) => {
    const exchange = loadConfig(env).rabbitmq.eventsExchange;
    await channel.assertExchange(exchange, 'topic', { durable: true });
    const limit = most === undefined ? {} : { 'x-max-length': most, 'x-overflow': 'reject-publish' };
    await channel.assertQueue(EVENTS_QUEUE, { durable: true, arguments: { 'x-queue-type': type, ...limit } });
    await channel.bindQueue(EVENTS_QUEUE, exchange, '#');
  });

const eventIn = (body: Buffer): PublishedEvent => {
  const { id, type, source, sequence, data } = JSON.parse(body.toString());
  return { id, type, sequence, orderId: source.replace('/orders/', ''), jobId: data.job_id };
};

/**
 * Takes the events that are in the queue, one by one: a consumer that is cancelled while others publish gives back what
 * it has not got yet, which a quorum queue then delivers after newer ones.
 */
export const takeEvents = (env: NodeJS.ProcessEnv): Promise<PublishedEvent[]> =>
  onChannel(env, async (channel) => {
    const { messageCount } = await channel.checkQueue(EVENTS_QUEUE);
    const taken: PublishedEvent[] = [];
    while (taken.length < messageCount) {
      const message = await channel.get(EVENTS_QUEUE, { noAck: true });
      if (!message) break;
      taken.push(eventIn(message.content));
    }
    return taken;
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
