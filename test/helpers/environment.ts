/** What the tests run against: the private servers of this run, and in them a place of each test file's own. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { migrateDatabase } from '../../db/migrate.ts';
import { serverEnvironment } from '../../ops/private-servers.ts';
import { loadConfig } from '../../process/config.ts';

export const REDIS_DATABASES = 512;

const variable = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run tests with npm test, which starts their servers.`);
  return value;
};

/** The folder in which the servers of this run work: `rabbitmq`, `redis` and `mysql` in it. */
export const serversFolder = (): string => variable('TEST_SERVERS');

const ownRedisDatabase = async (): Promise<number> => {
  const redis = new Redis({ port: Number(variable('TEST_REDIS_PORT')) });
  const number = await redis.incr('test:databases');
  redis.disconnect();
  if (number >= REDIS_DATABASES) throw new Error('The test run has used up its Redis databases.');
  return number;
};

/**
 * Variables that point a process at a fresh database, queue and Redis database.
 * @param overrides win over these
 */
export const isolatedEnvironment = async (overrides: NodeJS.ProcessEnv = {}): Promise<NodeJS.ProcessEnv> => {
  const name = `orders_${randomUUID().slice(0, 8)}`;
  const env: NodeJS.ProcessEnv = {
    ...serverEnvironment({
      mysql: Number(variable('TEST_MYSQL_PORT')),
      redis: Number(variable('TEST_REDIS_PORT')),
      rabbitmq: Number(variable('TEST_RABBITMQ_PORT')),
    }),
    DB_NAME: name,
    REDIS_URL: `redis://127.0.0.1:${variable('TEST_REDIS_PORT')}/${await ownRedisDatabase()}`,
    RABBITMQ_QUEUE_NAME: name,
    RABBITMQ_EVENTS_EXCHANGE: name,
    SIMULATED_WRITE_LAG: '0',
    // Who needs more says so.
    API_WORKERS: '1',
    WORKER_COUNT: '2',
    ACCESS_LOG_FILE: '/dev/null',
    LOG_LEVEL: 'info',
    ...overrides,
  };
  await migrateDatabase(loadConfig(env).mysql, { waitMs: 10_000 });
  return env;
};
