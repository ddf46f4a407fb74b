/** Clocks and numbers that are far ahead. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { loadConfig } from '../../../process/config.ts';
import { until } from '../../../testbed/until.ts';
import { countLogged } from '../engine/faults.ts';
import { makeJobs, publishAll } from '../engine/jobs.ts';
import type { Context, Scenario } from '../engine/scenario.ts';

const QUEUE = 'order_write_jobs';
const HOUR_MS = 3_600_000;
/** In the year 2255. */
const FAR = 9_000_000_000_000_000;
/** Jobs from far ahead, for orders of their own, each round. */
const kinds = ['create', 'status', 'delete'] as const;
const rounds = (full: boolean) => (full ? 20 : 3);

/** As an API of the future leaves a copy. */
const RESERVE_FAR = `
local notes = redis.call('GET', KEYS[2])
if not notes or notes == 'deleted' then return 0 end
redis.call('SET', KEYS[2], (string.gsub(notes, '^%d*', '${FAR}')), 'KEEPTTL')
return 1
`;

const farJobs = (): string[] => {
  const { jobs } = makeJobs(`far ${randomUUID()}`, [...kinds]);
  return jobs.map((job) => JSON.stringify({ ...JSON.parse(job), version: FAR }));
};

const poison = async ({ world, load, full, fail, random }: Context): Promise<void> => {
  const redis = new Redis(world.env.REDIS_URL ?? '');
  const mysql = await createConnection(connectionOptions(loadConfig(world.env).mysql));
  let reserved = 0;
  try {
    for (let n = 0; n < rounds(full); n++) {
      await publishAll(world.env, QUEUE, farJobs());
      await mysql.query("UPDATE last_reset SET at = '2255-03-14 16:00:00'");

      const { order, jobs } = makeJobs(`overwritten ${n}`, ['create', 'status']);
      load.history.push(order);
      await publishAll(world.env, QUEUE, jobs.slice(0, 1));
      await until('it is applied', async () => {
        const [{ affectedRows }] = await mysql.query<never>('UPDATE orders SET version = ? WHERE id = ?', [
          FAR,
          order.id,
        ]);
        return affectedRows;
      });
      await publishAll(world.env, QUEUE, jobs.slice(1));

      for (const { id } of load.history.slice(-load.clients))
        if (id !== undefined)
          reserved += Number(
            await redis.eval(RESERVE_FAR, 2, `temp_order:${id}`, `order_writes:{temp_order:${id}}`),
          );
      await sleep(random.integer(200, 400));
    }
    if (reserved === 0) fail('there was no pending copy to be poisoned');
    await until('last_reset is corrected', async () => {
      const [rows] = await mysql.query<RowDataPacket[]>(
        'SELECT at < UTC_TIMESTAMP() AS past FROM last_reset',
      );
      return rows[0]?.past === 1;
    });
    const [far] = await mysql.query<RowDataPacket[]>(
      'SELECT id FROM orders WHERE version > 1000000 * UNIX_TIMESTAMP(NOW() + INTERVAL 2 MINUTE) OR accepted_at > UTC_TIMESTAMP() + INTERVAL 2 MINUTE',
    );
    if (far.length > 0) fail(`${far.length} orders are from far ahead`);
  } finally {
    redis.disconnect();
    await mysql.end();
  }
  if (countLogged(world, 'api', 'from those of Redis and MySQL') === 0)
    fail('no API said that its clock is wrong');
};

export const clockScenarios: Scenario[] = [
  {
    number: 24,
    title: 'an API an hour fast, consumers an hour slow, and numbers of the year 2255 everywhere',
    world: {
      apiInject: 'clock',
      apis: [{ CLOCK_SKEW_MS: '0' }, { CLOCK_SKEW_MS: String(HOUR_MS) }],
      consumerInject: 'clock',
      consumerEnv: { CLOCK_SKEW_MS: String(-HOUR_MS) },
    },
    dead: (full) => ({ invalid_message: rounds(full) * kinds.length }),
    faults: async (context) => {
      await context.progress(0.2);
      await poison(context);
    },
  },
];
