/** Redis and MySQL away, emptied, or busy. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { isPassing } from '../../../db/errors.ts';
import { loadConfig } from '../../../process/config.ts';
import { countLogged, drain, provoke, repeat } from '../engine/faults.ts';
import { createCaller } from '../engine/load.ts';
import type { Context, Scenario } from '../engine/scenario.ts';

const LOCK_HELD_MS = 1_500;
/** So many that InnoDB rolls back the other transaction of a deadlock: it chooses the one that changed less. */
const RIVAL_ROWS = 200;
const MORE_ROUNDS = 20;
/** How many orders are read again and again without MySQL. */
const CACHED = 20;

/** Times to live of 2 s: what Redis was not told about ends so soon that the end can be waited for. */
export const shortLived = { ORDERS_CACHE_TTL: '2', TEMP_ORDER_CACHE_TTL: '2' };
export const SHORT_LIFE_MS = 2_500;

/** Reads orders that were made since MySQL is away, and so are pending. @returns how many could be read */
const readPending = async ({ world, load, fail }: Context, since: number): Promise<number> => {
  const { call, close } = createCaller();
  const pending = load.history.slice(since).filter(({ id }) => id !== undefined);
  for (const { id } of pending.slice(0, 100)) {
    const answer = await call('GET', `${world.urls[0]}/orders/${id}`);
    // 404: its client has deleted it.
    if (typeof answer === 'string' || ![200, 404].includes(answer.status))
      fail(`GET of a pending order: ${JSON.stringify(answer)}`);
  }
  close();
  return pending.length;
};

/** What a GET is answered, byte for byte. */
const get = async (url: string): Promise<string> => {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(3_000) });
    return `${answer.status} ${await answer.text()}`;
  } catch (error) {
    return String(error);
  }
};

/**
 * Makes the API cache a page of the list, and orders that nobody changes any more. The load must pause.
 * @returns a function that reads all of them at every API, and complains if something is different
 */
const cacheReads = async ({ world, load, fail }: Context) => {
  await drain({ world, load });
  // From then on pending copies are gone, and consumers have told Redis what they did.
  await sleep(2 * Number(world.env.TEMP_ORDER_CACHE_TTL) * 1_000);
  // The place of one that was changed a moment ago is guarded: it is not cached.
  const unchanged = load.finished.filter(({ writes, id }) => id !== undefined && writes.length === 1);
  const paths = ['/orders?limit=10', ...unchanged.slice(0, CACHED).map(({ id }) => `/orders/${id}`)];
  const before = new Map<string, string>();
  for (const path of paths) before.set(path, await get(`${world.urls[0]}${path}`));
  for (const [path, answer] of before)
    if (!answer.startsWith('200 ')) fail(`before MySQL is stopped GET ${path} is answered ${answer}`);
  if (unchanged.length === 0) fail('there is no order to be cached');
  return async () => {
    for (const url of world.urls)
      for (const [path, answer] of before) {
        const now = await get(`${url}${path}`);
        if (now === answer) continue;
        fail(`without MySQL GET ${path} is answered ${now}, not ${answer}`);
        before.delete(path);
      }
  };
};

/** Holds the newest orders, and with them the place where new ones go. */
const lockNewest = async (rival: Connection) => {
  await rival.query<RowDataPacket[]>('SELECT id FROM orders ORDER BY id DESC LIMIT 20 FOR UPDATE');
};

/** Locks an order and then last_reset. A job does so in the opposite sequence, so both can deadlock. */
const provokeDeadlock = async (rival: Connection) => {
  const rows = Array.from({ length: RIVAL_ROWS }, (_, n) => [n]);
  await rival.query('INSERT INTO rival VALUES ?', [rows]);
  await lockNewest(rival);
  // Time for jobs to come and wait for the orders, with last_reset in their hands.
  await sleep(200);
  await rival.query('SELECT at FROM last_reset WHERE id = 1 FOR UPDATE');
};

export const storeScenarios: Scenario[] = [
  {
    number: 9,
    title: 'Redis away at start, killed and restarted',
    world: { away: ['redis'], env: shortLived },
    readYourWrites: false,
    shownAfterMs: SHORT_LIFE_MS,
    faults: async (context) => {
      const { world, progress, random, fail } = context;
      const { redis } = world.servers;
      await progress(0.2);
      let kills = 0;
      await repeat(3, context, async () => {
        await redis.start();
        await sleep(random.integer(1_000, 2_000));
        await redis.kill();
        kills++;
        await sleep(random.integer(0, 1_000));
      });
      await redis.start();
      for (const trace of ['Redis is not reached yet', 'Redis is lost', 'Redis is back'])
        if (countLogged(world, 'api', trace) === 0)
          fail(`no API logged "${trace}", though Redis was killed ${kills} times`);
    },
  },
  {
    number: 10,
    title: 'Redis FLUSHALL every second',
    world: { env: shortLived },
    readYourWrites: false,
    shownAfterMs: SHORT_LIFE_MS,
    faults: async (context) => {
      const redis = new Redis(context.world.env.REDIS_URL ?? '');
      let forgotten = 0;
      await repeat(3, context, async () => {
        await sleep(1_000);
        forgotten += await redis.dbsize();
        await redis.flushall();
      });
      redis.disconnect();
      if (forgotten === 0) context.fail('there was nothing to flush');
    },
  },
  {
    number: 11,
    title: 'MySQL killed and restarted, also in a COMMIT',
    world: { consumerInject: 'kill-in-commit' },
    faults: async (context) => {
      const { world, random, fail } = context;
      const { mysql } = world.servers;
      let kills = 0;
      const killInCommit = async () => {
        await provoke(world, 'mysql-death-in-commit');
        await mysql.gone();
      };
      await repeat(2, context, async () => {
        for (const kill of [mysql.kill, killInCommit]) {
          await sleep(random.integer(500, 1_500));
          await kill();
          kills++;
          await mysql.start();
        }
      });
      const waits = countLogged(world, 'consumer', 'jobs wait for MySQL');
      if (waits < kills) fail(`MySQL was killed ${kills} times, ${waits} jobs waited for it`);
    },
  },
  {
    number: 12,
    title: 'MySQL stopped for a minute',
    // What a minute brings is to be applied within the time that a backlog may take.
    load: { clients: 8 },
    // Applied orders are in the one cache and not in the other, and stay there.
    world: { env: { ORDERS_CACHE_TTL: '600', TEMP_ORDER_CACHE_TTL: '1' } },
    faults: async (context) => {
      const { world, load, full, progress, fail } = context;
      const { mysql } = world.servers;
      await progress(0.3);
      await load.pause();
      const readCached = await cacheReads(context);
      await mysql.stop();
      load.resume();
      const { accepted } = load.counts;
      const since = load.history.length;
      const end = performance.now() + (full ? 60_000 : 5_000);
      while (performance.now() < end) {
        await readCached();
        await sleep(500);
      }
      if (load.counts.accepted === accepted) fail('no write was accepted without MySQL');
      if ((await readPending(context, since)) === 0) fail('no order was made without MySQL');
      await mysql.start();
      if (countLogged(world, 'consumer', 'jobs wait for MySQL') === 0) fail('no job waited for MySQL');
    },
  },
  {
    number: 13,
    title: 'deadlocks and lock time-outs',
    ownWorld: true,
    load: { clients: 8 },
    faults: async (context) => {
      const { world, random, fail } = context;
      const rival = await createConnection(connectionOptions(loadConfig(world.env).mysql));
      await rival.query('CREATE TABLE rival (n INT PRIMARY KEY)');
      await rival.query('SET GLOBAL innodb_lock_wait_timeout = 1');
      // Connections that are open keep the time-out that they began with.
      for (const consumer of world.consumers) consumer.kill('SIGTERM');
      const holdLocks = () => lockNewest(rival).then(() => sleep(LOCK_HELD_MS));
      let round = 0;
      const disturb = async () => {
        await sleep(random.integer(100, 500));
        await rival.beginTransaction();
        try {
          await (round++ % 2 === 0 ? holdLocks() : provokeDeadlock(rival));
        } catch (error) {
          if (!isPassing(error)) throw error;
        }
        await rival.rollback();
      };
      const unseen = () =>
        ['Deadlock found', 'Lock wait timeout exceeded'].filter(
          (trace) => countLogged(world, 'consumer', trace) === 0,
        );
      await repeat(4, context, disturb);
      // Whether a transaction meets them is a matter of moments.
      for (let more = 0; more < MORE_ROUNDS && unseen().length > 0; more++) await disturb();
      await rival.end();
      for (const trace of unseen()) fail(`no consumer logged "${trace}"`);
    },
  },
];
