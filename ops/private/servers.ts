/** The three servers for a run of tests or measurements, and the settings with which the service finds them. */
import { join } from 'node:path';
import type { Backend } from '../packages.ts';
import { freePort } from '../ports.ts';
import { startMysql } from './mysql.ts';
import { startRabbitmq } from './rabbitmq.ts';
import { startRedis } from './redis.ts';

/** The account that may do anything in MySQL and RabbitMQ there. They are on loopback, and end with their run. */
export const account = { user: 'orders', password: 'orders' };

/**
 * Starts the servers in `mysql`, `redis` and `rabbitmq` below a folder, on free ports, and waits until they answer.
 * @param redisDatabases how many numbered databases Redis has
 * @returns where each listens, and its PID
 */
export const startServers = async (folder: string, redisDatabases = 16) => {
  const [mysql, redis, rabbitmq] = [await freePort(), await freePort(), await freePort()];
  const [inMysql, inRedis, inRabbitmq] = await Promise.all([
    startMysql({ folder: join(folder, 'mysql'), port: mysql, database: 'orders', ...account }),
    startRedis({ folder: join(folder, 'redis'), port: redis, databases: redisDatabases }),
    startRabbitmq({ folder: join(folder, 'rabbitmq'), port: rabbitmq, ...account }),
  ]);
  return {
    ports: { mysql, redis, rabbitmq },
    pids: { mysql: inMysql.pid, redis: inRedis.pid, rabbitmq: inRabbitmq.pid },
  };
};

/** The environment for a process of the service. Of the caller's environment it has the PATH only. */
export const serverEnvironment = (ports: Record<Backend, number>): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  DB_USER: account.user,
  DB_PASS: account.password,
  DB_HOST: '127.0.0.1',
  DB_PORT: String(ports.mysql),
  DB_NAME: 'orders',
  REDIS_URL: `redis://127.0.0.1:${ports.redis}/0`,
  RABBITMQ_HOST: '127.0.0.1',
  RABBITMQ_PORT: String(ports.rabbitmq),
  RABBITMQ_USER: account.user,
  RABBITMQ_PASSWORD: account.password,
  ADMIN_PASSWORD: 'sesame',
  API_WORKERS: '2',
  HOST: '127.0.0.1',
});
