/** Resets that are killed in the middle. */
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { workersOf } from '../../../ops/workers.ts';
import { loadConfig } from '../../../process/config.ts';
import { until } from '../../../testbed/until.ts';
import type { OrderHistory } from '../engine/history.ts';
import { createCaller, startLoad } from '../engine/load.ts';
import type { Base, Scenario } from '../engine/scenario.ts';
import type { World } from '../engine/world.ts';

/** So many that removing them takes a while. */
const SEEDED = 10_000;
const HEADERS = { 'x-admin-password': 'sesame' };
/** A fault that comes too late is tried again. */
const MAX_TRIES = 10;

interface LastReset {
  at: string;
  complete: boolean;
}

/** What MySQL says of the last reset; undefined while it is away. */
const readLastReset = async ({ env }: World): Promise<LastReset | undefined> => {
  try {
    const connection = await createConnection({
      ...connectionOptions(loadConfig(env).mysql),
      dateStrings: true,
    });
    try {
      const [rows] = await connection.query<RowDataPacket[]>('SELECT at, complete FROM last_reset');
      return { at: rows[0]?.at, complete: rows[0]?.complete === 1 };
    } finally {
      connection.destroy();
    }
  } catch {
    return undefined;
  }
};

const kills: [what: string, kill: (world: World) => Promise<void>][] = [
  [
    'the API',
    async ({ apis }) => {
      for (const pid of await workersOf(apis[0]?.pid())) process.kill(pid, 'SIGKILL');
    },
  ],
  [
    'MySQL',
    async ({ servers }) => {
      await servers.mysql.kill();
      await servers.mysql.start();
    },
  ],
];

/** Everything that these clients were told is accepted is deleted since. */
const deleted = (history: OrderHistory[]): OrderHistory[] => {
  for (const { writes } of history)
    writes.push({ kind: 'delete', status: '', outcome: 'accepted', byReset: true });
  return history;
};

/**
 * Begins a reset and kills something in the middle of it.
 * @param begun is called at once when it has begun, whether it goes on or not
 */
const resetAndKill = async (
  world: World,
  kill: (world: World) => Promise<void>,
  begun: () => void,
): Promise<boolean> => {
  const { call, close } = createCaller();
  const reset = () => call('POST', `${world.urls[0]}/admin/reset`, undefined, HEADERS);
  try {
    // What was killed before comes back in its own time, and a reset that nobody takes never begins.
    await world.ready();
    await call('POST', `${world.urls[1]}/admin/seed`, { count: SEEDED }, HEADERS);
    const before = await until('MySQL tells of the last reset', () => readLastReset(world));
    let refused = false;
    const ask = () =>
      reset().then((answer) => {
        refused = answer === 'refused' || (answer !== 'unknown' && answer.status !== 200);
      });
    let answered = ask();
    const found = await until(
      'a reset has begun',
      async () => {
        const now = await readLastReset(world);
        if (now !== undefined && now.at !== before.at) return now;
        if (!refused) return false;
        refused = false;
        answered = ask();
        return false;
      },
      60_000,
    );
    begun();
    await kill(world);
    await answered;
    await until('the reset is complete', async () => (await readLastReset(world))?.complete, 60_000);
    return !found.complete;
  } finally {
    close();
  }
};

const run = async (world: World, { random, accepted, fail }: Base): Promise<OrderHistory[]> => {
  const history: OrderHistory[] = [];
  const share = accepted / (kills.length + 1);
  let loads = 0;
  const begin = () => startLoad({ urls: world.urls, random, clients: 8, names: `load ${++loads}, client` });
  const finish = async (load: ReturnType<typeof begin>) => {
    await until('enough is accepted', () => load.counts.accepted >= share, 300_000);
    await load.stop();
    for (const oddity of load.oddities.slice(0, 5)) fail(oddity);
  };
  let load = begin();
  for (const [what, kill] of kills)
    for (let tries = 1; ; tries++) {
      await finish(load);
      history.push(...deleted(load.history));
      // Those of after write while the reset runs, is killed, and is completed.
      const inTime = await resetAndKill(world, kill, () => {
        load = begin();
      });
      if (inTime) break;
      if (tries === MAX_TRIES) {
        fail(`${what} was never killed in the middle of a reset`);
        break;
      }
    }
  await finish(load);
  return [...history, ...load.history];
};

export const resetScenarios: Scenario[] = [
  {
    number: 25,
    title: 'resets whose API or MySQL is killed in the middle',
    ownWorld: true,
    history: run,
  },
];
