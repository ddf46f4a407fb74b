/** One private MySQL, Redis and RabbitMQ each: for a machine that has none running, and for tests. */
export { type PrivateMysql, startMysql } from './private/mysql.ts';
export { type PrivateRabbitmq, startRabbitmq, whyNotIn } from './private/rabbitmq.ts';
export { type PrivateRedis, startRedis } from './private/redis.ts';
export { stopServer } from './private/server.ts';
export { account, serverEnvironment, startServers } from './private/servers.ts';
