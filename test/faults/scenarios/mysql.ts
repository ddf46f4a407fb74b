/** MySQL answers and takes no writes: it is read-only, or another server has taken its place. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { loadConfig } from '../../../process/config.ts';
import { until } from '../../../testbed/until.ts';
import { followed } from '../../helpers/mysql-replication.ts';
import { countLogged, drain, repeat } from '../engine/faults.ts';
import { startMysqlPair } from '../engine/mysql-pair.ts';
import type { Context, Scenario } from '../engine/scenario.ts';
import { SHORT_LIFE_MS, shortLived } from './stores.ts';

/** What each of them logs when it finds out that MySQL takes no writes. */
const traces = [
  ['api', 'MySQL takes no writes'],
  ['consumer', '--read-only option'],
  ['hub', '--read-only option'],
] as const;
const FOUND_OUT_WITHIN_MS = 60_000;

const foundOut = ({ world }: Context): Promise<boolean> =>
  until(
    'everybody has found out that MySQL takes no writes',
    () => traces.every(([whose, trace]) => countLogged(world, whose, trace) > 0),
    FOUND_OUT_WITHIN_MS,
  );

/** Who writes all the time must have found out that MySQL takes no writes. The hub need not have had anything to pass on. */
const judge = ({ world, fail }: Context): void => {
  for (const [whose, trace] of traces)
    if (whose !== 'hub' && countLogged(world, whose, trace) === 0) fail(`no ${whose} logged "${trace}"`);
};

const READ_AGAIN = 100;
/** How long a consumer may take to tell Redis what it has committed, and longer than marks are apart. */
const TOLD_MS = 1_500;

interface Listed {
  orders: { order_id: string; status: string }[];
  next: string | null;
}
const json = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T;

/** Everything in the list of an API, page by page. */
const readList = async (url: string): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  for (let query: string | null = '?limit=1000'; query !== null; ) {
    const page: Listed = await json(`${url}/orders${query}`);
    for (const { order_id, status } of page.orders) found.set(order_id, status);
    query = page.next;
  }
  return found;
};

/** Compares what each API shows with what MySQL has, once all is applied. */
const compare = async ({ world, load, fail }: Context): Promise<void> => {
  await load.pause();
  await drain({ world, load });
  await sleep(TOLD_MS);
  const stored = await world.orders();
  const some = stored.slice(-READ_AGAIN);
  for (const url of world.urls) {
    const listed = await readList(url);
    const wrong = stored.filter(({ id, status }) => listed.get(id) !== status);
    if (wrong.length > 0) fail(`${wrong.length} of ${stored.length} orders are wrong in a list`);
    for (const { id, status } of some) {
      const shown = await json<{ status?: string }>(`${url}/orders/${id}`);
      if (shown.status !== status) fail(`${id} is shown as ${JSON.stringify(shown)}, stored as ${status}`);
    }
  }
  load.resume();
};

export const mysqlScenarios: Scenario[] = [
  {
    number: 37,
    title: 'MySQL turns read-only',
    maxRequestMs: 3_000,
    faults: async (context) => {
      const { world, random } = context;
      const admin = await createConnection(connectionOptions(loadConfig(world.env).mysql));
      await repeat(2, context, async () => {
        await sleep(random.integer(300, 1_000));
        await admin.query('SET GLOBAL read_only = 1');
        await Promise.all([sleep(random.integer(2_500, 4_000)), foundOut(context)]);
        await admin.query('SET GLOBAL read_only = 0');
        await world.whole();
      });
      await admin.end();
    },
  },
  {
    number: 38,
    title: 'MySQL is moved, and connections to the old one, which is read-only, stay open',
    world: { proxied: true, mysql: followed(1), env: shortLived },
    shownAfterMs: SHORT_LIFE_MS,
    maxRequestMs: 3_000,
    faults: async (context) => {
      const { world, random } = context;
      const pair = await startMysqlPair(world);
      await repeat(2, context, async () => {
        await sleep(random.integer(500, 1_500));
        await pair.move(random.integer(0, 1_500));
        await world.whole();
      });
      await pair.end();
      judge(context);
    },
  },
  {
    number: 39,
    title: 'a replica for reads stands still or is frozen, and follows again',
    world: { mysql: followed(1), replica: true, env: shortLived },
    shownAfterMs: SHORT_LIFE_MS,
    maxRequestMs: 3_000,
    faults: async (context) => {
      const { world, random, fail } = context;
      const pair = await startMysqlPair(world);
      const replica = pair.other();
      await pair.follow();
      await repeat(2, context, async () => {
        await world.whole();
        await sleep(random.integer(500, 2_000));
        await compare(context);
        await replica.rows('STOP SLAVE SQL_THREAD');
        await sleep(random.integer(0, 4_000));
        await compare(context);
        await replica.rows('START SLAVE SQL_THREAD');
        await world.whole();
        pair.freeze();
        await sleep(random.integer(1_000, 3_000));
        await compare(context);
        pair.thaw();
      });
      await world.whole();
      const [asked] = await replica.rows("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
      if (!(Number(asked?.Value) > 0)) fail('the replica was asked for no order');
      if (countLogged(world, 'api', 'the MySQL for reads is not asked') === 0)
        fail('no API noticed that the replica stood still');
      await pair.end();
    },
  },
];
