/** MySQL answers and takes no writes: it is read-only, or another server has taken its place. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { connectionOptions } from '../../../db/client.ts';
import { loadConfig } from '../../../process/config.ts';
import { until } from '../../../testbed/until.ts';
import { countLogged, repeat } from '../engine/faults.ts';
import { followed, startMysqlPair } from '../engine/mysql-pair.ts';
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

/** Everybody must have found out that MySQL takes no writes. */
const judge = ({ world, fail }: Context): void => {
  for (const [whose, trace] of traces)
    if (countLogged(world, whose, trace) === 0) fail(`no ${whose} logged "${trace}"`);
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
];
