/** The I/O of the bare server. Each function is one round trip. */
import { createPool, type RowDataPacket } from 'mysql2/promise';
import { PipeliningRedis } from '../../cache/redis.ts';
import { connectionOptions } from '../../db/client.ts';
import type { Order } from '../../domain/order.ts';
import type { Config } from '../../process/config.ts';
import { connectOnce } from '../../queue/connection.ts';

/** How many connections to MySQL there are: as many as the API has. */
const CONNECTIONS = 10;

const SELECT = `SELECT orders.id, customer_name, status, version, item_name, quantity
  FROM orders JOIN order_items ON order_id = orders.id WHERE orders.id = ? ORDER BY order_items.id`;

/** Opens the stores that the config names. The queue must exist. */
export const openBareStores = async ({ redis, rabbitmq, mysql }: Config) => {
  const { queue } = rabbitmq;
  const connection = await connectOnce(rabbitmq, 'bare');
  const channel = await connection.createConfirmChannel();
  const pool = createPool({ ...connectionOptions(mysql), connectionLimit: CONNECTIONS });
  return {
    redis: new PipeliningRedis({ ...redis, tls: undefined }),

    /** Publishes a job. Resolves when it is confirmed. */
    publish: (job: object): Promise<void> =>
      new Promise((resolve, reject) => {
        const body = Buffer.from(JSON.stringify(job));
        channel.sendToQueue(queue, body, { persistent: true, contentType: 'application/json' }, (error) =>
          error ? reject(error) : resolve(),
        );
      }),

    /** Reads an order with a prepared statement. */
    readOrder: async (id: string): Promise<Order> => {
      const [rows] = await pool.execute<RowDataPacket[]>(SELECT, [id]);
      return {
        order_id: id,
        customer_name: rows[0]?.customer_name,
        status: rows[0]?.status,
        items: rows.map(({ item_name: name, quantity }) => ({ name, quantity })),
      };
    },
  };
};
