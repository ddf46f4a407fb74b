/** Opens the connections and the clock that the API needs, and closes them again. */
import fastifyPlugin from 'fastify-plugin';
import { type Cache, openCache } from '../cache/cache.ts';
import { type Database, openDatabase } from '../db/client.ts';
import { CONNECTION_WITHIN_MS } from '../db/reads.ts';
import { type Clock, createClock } from '../domain/versions.ts';
import { openStory, type Story } from '../jobs/story.ts';
import type { Config } from '../process/config.ts';
import { beginRenewals } from '../process/renewals.ts';
import { type Broker, openBroker } from '../queue/broker.ts';
import { timekeeper } from './timekeeper.ts';

declare module 'fastify' {
  interface FastifyInstance {
    database: Database;
    cache: Cache;
    broker: Broker;
    clock: Clock;
    story: Story;
  }
}

const KEEP_TIME_INTERVAL_MS = 1_000;

export const backends = fastifyPlugin<{ config: Config }>(
  async (app, { config }) => {
    const { observer } = app;
    await beginRenewals([config.mysql, config.redis, config.rabbitmq, config.api, config.reader], observer);
    app.decorate(
      'database',
      openDatabase(config.mysql, observer, {
        connections: config.connections.api,
        waitMs: CONNECTION_WITHIN_MS,
        replica: config.replica,
      }),
    );
    app.decorate('clock', createClock());
    app.decorate('cache', openCache(config, observer, app.clock.latest, true));
    const { consumers: notes } = app.cache;
    app.decorate('broker', await openBroker(config.rabbitmq, observer, { notes, hasSpare: true }));
    app.decorate('story', openStory(app.cache, app.database.orm, config.historyDays > 0));

    const keepTime = timekeeper(app.clock, app.cache, app.database.orm, observer);
    app.addHook('onReady', keepTime);
    const keeping = setInterval(keepTime, KEEP_TIME_INTERVAL_MS).unref();

    app.addHook('onClose', async () => {
      clearInterval(keeping);
      await app.broker.close();
      app.story.close();
      await Promise.all([app.database.close(), app.cache.close()]);
    });
  },
  { name: 'backends', fastify: '5.x' },
);
