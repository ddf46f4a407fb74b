/** Connections over which nothing goes any more, and which nobody closes: the service opens others by itself. */
import { sql } from 'drizzle-orm';
import t from 'tap';
import { openCache } from '../../cache/cache.ts';
import { openDatabase } from '../../db/client.ts';
import { isPassing } from '../../db/errors.ts';
import { loadConfig } from '../../process/config.ts';
import { unobserved } from '../../process/log-events.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProxy } from './engine/proxy.ts';

const SILENCE_MS = 500;

const config = loadConfig(await isolatedEnvironment());

t.test('MySQL: what waits is told, and the place in the pool is free again', async (t) => {
  const proxy = await startProxy(config.mysql.port);
  const database = openDatabase({ ...config.mysql, port: proxy.port }, unobserved, {
    connections: 1,
    silenceMs: SILENCE_MS,
  });
  t.teardown(async () => {
    await database.close();
    proxy.close();
  });
  await database.ping();
  // The watch asks that too, and has the only connection meanwhile.
  await database.probeWrites();

  proxy.forget();
  const error = await database.ping().then(
    () => undefined,
    (error) => error,
  );
  t.match(error, { code: 'PROTOCOL_SEQUENCE_TIMEOUT' });
  t.ok(isPassing(error));
  await database.ping();

  await t.resolves(
    database.orm.transaction(async (tx) => {
      await tx.execute(sql.raw(`SELECT SLEEP(${(SILENCE_MS * 0.7) / 1000})`));
      await tx.execute(sql.raw(`SELECT SLEEP(${(SILENCE_MS * 0.7) / 1000})`));
    }),
    'one that is slow is not taken for silent',
  );
});

t.test('Redis: found again over another connection', async (t) => {
  const proxy = await startProxy(config.redis.port);
  const cache = openCache({ ...config, redis: { ...config.redis, port: proxy.port } }, unobserved);
  t.teardown(async () => {
    await cache.close();
    proxy.close();
  });
  await until('Redis is reached', async () => (await cache.time()) !== null);

  proxy.forget();
  t.equal(await cache.time(), null);
  await until('Redis is reached again', async () => (await cache.time()) !== null, 10_000);
});
