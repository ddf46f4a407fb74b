/** Prepares, reads and empties the stores of a place, from outside the service. */
import { Redis } from 'ioredis';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../db/client.ts';
import { loadConfig } from '../process/config.ts';
import { unobserved } from '../process/log-events.ts';
import { connectOnce } from '../queue/connection.ts';
import { assertQueue, topology } from '../queue/topology.ts';
import { createJob } from './orders.ts';

/** How many messages wait for their confirms at the same time. */
const PUBLISH_WINDOW = 2_000;

/** Opens connections to the stores that `env` names, and declares its queues. */
export const openStores = async (env: NodeJS.ProcessEnv) => {
  const config = loadConfig(env);
  const { queue } = config.rabbitmq;
  const mysql = await createConnection(connectionOptions(config.mysql));
  const redis = new Redis({ ...config.redis, tls: undefined });
  const rabbitmq = await connectOnce(config.rabbitmq, 'benchmark');
  const { jobs, dead, delays } = topology(rabbitmq, config.rabbitmq);
  for (const one of [dead, ...delays, jobs]) await assertQueue(rabbitmq, unobserved, one);
  const channel = await rabbitmq.createConfirmChannel();

  const rows = async (sql: string, values: unknown[] = []): Promise<RowDataPacket[]> => {
    const [found] = await mysql.query<RowDataPacket[]>(sql, values);
    return found;
  };
  return {
    mysql,
    redis,
    rows,

    /** How many orders there are, by the service's own count, which is quick to read (db/counts.ts). */
    countOrders: async (): Promise<number> => {
      const [row] = await rows('SELECT SUM(orders) AS total FROM order_counts');
      return Number(row?.total ?? 0);
    },

    /** Puts create jobs on the queue, and waits until they are confirmed. */
    publishJobs: async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        const job = createJob(n);
        channel.sendToQueue(queue, Buffer.from(JSON.stringify(job)), {
          persistent: true,
          contentType: 'application/json',
          messageId: job.job_id,
          correlationId: 'bench',
          timestamp: Math.floor(Date.now() / 1000),
          type: job.type,
        });
        if (n % PUBLISH_WINDOW === PUBLISH_WINDOW - 1) await channel.waitForConfirms();
      }
      await channel.waitForConfirms();
    },

    /** Purges the queue of jobs. */
    purge: async (): Promise<void> => {
      await channel.purgeQueue(queue);
    },

    close: async (): Promise<void> => {
      redis.disconnect();
      await Promise.all([mysql.end(), rabbitmq.close()]);
    },
  };
};
export type Stores = Awaited<ReturnType<typeof openStores>>;
