/** The hub away, and those who wait for what it passes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { lockQuery } from '../../../db/locks.ts';
import { loadConfig } from '../../../process/config.ts';
import { until } from '../../../testbed/until.ts';
import { countLogged, repeat } from '../engine/faults.ts';
import type { Kept } from '../engine/kept.ts';
import { createCaller } from '../engine/load.ts';
import type { Context, Scenario } from '../engine/scenario.ts';
import { readHub, takeEvents } from '../engine/stores.ts';
import type { World } from '../engine/world.ts';
import { SHORT_LIFE_MS, shortLived } from './stores.ts';

/** A hub has a lower priority than everything else, so its start takes long on a busy machine. */
const LEADS_WITHIN_MS = 60_000;
/** MySQL ends the connection of a process of which it hears nothing after 30 s. */
const LOCK_ENDS_WITHIN_MS = 30_000 + LEADS_WITHIN_MS;
/** Fewer than the short form makes. */
const EVENTS_AT_MOST = 100;
const WATCHERS = 4;

/** The connection of the hub that leads; undefined if none does. */
const leadingConnection = async (env: NodeJS.ProcessEnv, end: boolean): Promise<number | undefined> => {
  const connection = await createConnection(connectionOptions(loadConfig(env).mysql));
  try {
    const [, lock] = /GET_LOCK\((.*), \d+\)/.exec(lockQuery('hub', 0)) ?? [];
    const [[row]] = await connection.query<RowDataPacket[]>(`SELECT IS_USED_LOCK(${lock}) AS holder`);
    const holder: number | undefined = row?.holder ?? undefined;
    if (end && holder !== undefined) await connection.query(`KILL ${holder}`);
    return holder;
  } finally {
    await connection.end();
  }
};

/** Freezes one hub while it leads until the other leads in its place. */
const freezeLeader = async ({ env }: World, [one, other]: Kept[], full: boolean): Promise<void> => {
  await other?.stop('SIGKILL');
  // By then MySQL has seen that its connection is closed.
  await sleep(300);
  const before = await until('the only hub leads', () => leadingConnection(env, false), LEADS_WITHIN_MS);
  one?.kill('SIGSTOP');
  try {
    other?.start();
    // In the short form nobody waits for MySQL to end the connection.
    if (!full) await leadingConnection(env, true);
    const isReplaced = async () => ![before, undefined].includes(await leadingConnection(env, false));
    await until('another hub leads', isReplaced, LOCK_ENDS_WITHIN_MS);
  } finally {
    one?.kill('SIGCONT');
  }
};

/** Asks again and again where 202s say so, and notes answers that must not be. @returns how often a job waited */
const watchJobs = async ({ world, load, random, enough, fail }: Context): Promise<number> => {
  const { call, close } = createCaller();
  const ended = new Map<string, string>();
  let waited = 0;
  const watch = async () => {
    while (!enough()) {
      const { writes } = load.history.at(-random.integer(1, 2 * load.clients)) ?? { writes: [] };
      const location = writes.at(-1)?.location;
      if (location === undefined) {
        await sleep(5);
        continue;
      }
      // What another watcher is told while this one is being answered does not count.
      const before = ended.get(location);
      const answer = await call('GET', `${random.pick(world.urls)}${location}`);
      const state = typeof answer === 'object' && answer.status === 200 ? answer.body.status : undefined;
      if (state === undefined || state === 'unknown') fail(`GET ${location}: ${JSON.stringify(answer)}`);
      // With Redis emptied and the hub behind, only the order is left to tell.
      else if (before !== undefined && ![before, 'settled'].includes(state))
        fail(`${location} was ${before} and is ${state}`);
      if (state === 'queued') waited++;
      else if (state === 'succeeded' || state === 'superseded') ended.set(location, state);
    }
  };
  await Promise.all(Array.from({ length: WATCHERS }, watch));
  close();
  return waited;
};

export const hubScenarios: Scenario[] = [
  {
    number: 29,
    title: 'SIGKILL of the hub again and again',
    faults: async (context) => {
      const { world, random } = context;
      let last: number | undefined;
      await repeat(5, context, async () => {
        last = await until(
          'the hub leads',
          async () => {
            const now = await leadingConnection(world.env, false);
            return now !== last && now;
          },
          LEADS_WITHIN_MS,
        );
        await sleep(random.integer(0, 300));
        for (const hub of world.hubs) hub.kill();
      });
    },
  },
  {
    number: 30,
    title: 'two hubs, killed in turn, and one frozen until the other leads',
    world: { hubs: 2 },
    faults: async (context) => {
      const { world, random, full, fail } = context;
      const [one, other] = world.hubs;
      await repeat(1, context, async () => {
        for (const hub of [one, other]) {
          await sleep(random.integer(500, 1_500));
          hub?.kill();
        }
        await freezeLeader(world, random.shuffle(world.hubs), full);
        await sleep(random.integer(500, 1_500));
      });
      const hasNoticed = () => countLogged(world, 'hub', 'the journal cannot be passed on yet') > 0;
      await until('a hub that was frozen notices that it does not lead any more', hasNoticed).catch((error) =>
        fail(error.message),
      );
    },
  },
  {
    number: 31,
    title: 'Redis FLUSHALL every second while clients ask for their jobs',
    // Batches take their time, so that jobs wait.
    world: { env: { ...shortLived, SIMULATED_WRITE_LAG: '0.3' } },
    readYourWrites: false,
    shownAfterMs: SHORT_LIFE_MS,
    faults: async (context) => {
      const redis = new Redis(context.world.env.REDIS_URL ?? '');
      const watched = watchJobs(context);
      await repeat(3, context, async () => {
        await sleep(1_000);
        await redis.flushall();
      });
      redis.disconnect();
      if ((await watched) === 0) context.fail('no job waited');
    },
  },
  {
    number: 32,
    title: 'a queue of the exchange that refuses, and then is read',
    world: { eventsAtMost: EVENTS_AT_MOST },
    accepted: 3_000,
    faults: async ({ world, load, progress, fail }) => {
      const { env } = world;
      await until(
        'the queue refuses',
        () => countLogged(world, 'hub', 'events for other services wait') > 0,
        300_000,
      );
      await progress(0.7);
      const { accepted } = load.counts;
      await until('jobs are written down all the same', async () => (await readHub(env)).jobs >= accepted);
      if ((await readHub(env)).left === 0) fail('no event waited');
      // From now on its reader takes what is there, as the end of the scenario does.
      while (world.events.length < 2 * EVENTS_AT_MOST) {
        for (const event of await takeEvents(env)) world.events.push(event);
        await sleep(200);
      }
    },
  },
];
