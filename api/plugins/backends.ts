/** Opens what the API stands on, and closes what it opened. */
import fastifyPlugin from 'fastify-plugin';
import { type Cache, openCache } from '../../cache/cache.ts';
import type { Config } from '../../config.ts';
import { type Database, openDatabase } from '../../db/client.ts';
import type { Log } from '../../log.ts';
import { type Broker, openBroker } from '../../queue/broker.ts';
import { type Clock, createClock } from '../clock.ts';

declare module 'fastify' {
  interface FastifyInstance {
    database: Database;
    cache: Cache;
    broker: Broker;
    clock: Clock;
  }
}

/** Connections to MySQL per process. Reads are short; more would only queue inside the server. */
const CONNECTIONS = 10;
const KEEP_TIME_INTERVAL_MS = 1_000;

export const backends = fastifyPlugin<{ config: Config }>(
  async (app, { config }) => {
    const log: Log = app.log;
    app.decorate('database', openDatabase(config.mysql, log, { connections: CONNECTIONS }));
    app.decorate('cache', openCache(config, log));
    app.decorate('broker', await openBroker(config.rabbitmq, log));
    app.decorate('clock', createClock());

    const keepTime = async () => {
      const asked = performance.now();
      const time = await app.cache.time();
      if (time !== null) app.clock.keepTo(time, () => performance.now() - asked);
    };
    app.addHook('onReady', keepTime);
    const timekeeper = setInterval(keepTime, KEEP_TIME_INTERVAL_MS).unref();

    app.addHook('onClose', async () => {
      clearInterval(timekeeper);
      await app.broker.close();
      await Promise.all([app.database.close(), app.cache.close()]);
    });
  },
  { name: 'backends', fastify: '5.x' },
);
