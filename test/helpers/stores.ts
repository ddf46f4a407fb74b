/** Looking into the stores from outside, with clients of our own. */
import type { ConfirmChannel } from 'amqplib';
import { Redis } from 'ioredis';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../db/client.ts';
import type { Order } from '../../domain/order.ts';
import { loadConfig } from '../../process/config.ts';
import { connectOnce } from '../../queue/connection.ts';
import { isThere } from '../../queue/topology.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';

/** Connections to the three stores that `env` names, closed when the test ends. */
export const openStores = async (t: Teardown, env: NodeJS.ProcessEnv) => {
  const config = loadConfig(env);
  const { queue } = config.rabbitmq;
  const redis = new Redis({ ...config.redis, tls: undefined });
  const mysql = await createConnection(connectionOptions(config.mysql));
  const rabbitmq = await connectOnce(config.rabbitmq, 'test');
  const channel: ConfirmChannel = await rabbitmq.createConfirmChannel();
  t.teardown(async () => {
    redis.disconnect();
    await Promise.all([mysql.end(), rabbitmq.close().catch(() => {})]);
  });

  const rows = async (sql: string, values: unknown[] = []): Promise<RowDataPacket[]> => {
    const [found] = await mysql.query<RowDataPacket[]>(sql, values);
    return found;
  };

  return {
    queue,
    redis,
    rows,
    channel,

    /** Puts a message on the queue of jobs, as other publishers do. */
    publish: async (body: string | Buffer | object, options = {}): Promise<void> => {
      const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      // A queue that was declared a moment ago may refuse its first messages, or not be found yet: what is not
      // routed is returned before it is confirmed.
      const send = () =>
        new Promise<boolean>((resolve) => {
          const returned = () => resolve(false);
          channel.once('return', returned);
          const confirmed = (error: unknown) => {
            channel.off('return', returned);
            resolve(!error);
          };
          const properties = { persistent: true, mandatory: true, ...options };
          channel.sendToQueue(queue, Buffer.from(bytes), properties, confirmed);
        });
      await until('the broker takes the message', send);
    },

    /** How many messages wait in a queue, by default that of the jobs. */
    waiting: async (name = queue): Promise<number> => {
      // Queues are declared beside the service's work, and a question for one that is not there closes its channel.
      await until(`${name} is declared`, () => isThere(rabbitmq, name));
      return (await channel.checkQueue(name)).messageCount;
    },

    /**
     * Takes the next message out of a queue, if there is one. RabbitMQ 3.10 closes the connection of whoever asks a
     * quorum queue for a message that is just being declared, so it is asked how many there are before.
     */
    take: async (name = queue) => {
      if (!(await isThere(rabbitmq, name))) return false;
      const { messageCount } = await channel.checkQueue(name);
      return messageCount > 0 && channel.get(name, { noAck: true });
    },

    /** An order as the tables hold it. */
    order: async (id: string): Promise<(Order & { accepted_at: Date }) | undefined> => {
      const [order] = await rows('SELECT * FROM orders WHERE id = ?', [id]);
      if (!order) return undefined;
      const items = await rows('SELECT * FROM order_items WHERE order_id = ? ORDER BY id', [id]);
      return {
        order_id: order.id,
        customer_name: order.customer_name,
        status: order.status,
        items: items.map(({ item_name: name, quantity }) => ({ name, quantity })),
        accepted_at: order.accepted_at,
      };
    },
  };
};
