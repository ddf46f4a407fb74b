/** Measures how much CPU and memory the service uses, and whether its memory grows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Line } from '../../cli/load/plots.ts';
import { requireRight } from '../compare.ts';
import { countCpu } from '../cpu.ts';
import { filledIds } from '../orders.ts';
import { growth, retainedMb, watchMemory } from '../processes.ts';
import { startConsumers } from '../programs.ts';
import type { Chart, Row } from '../report/results.ts';
import { openStores } from '../stores.ts';
import { watchDrain } from './apply.ts';
import { type Case, type Context, closing } from './case.ts';
import { bareCost, postFor, WARMUPS } from './cost.ts';
import { openSteady } from './steady.ts';
import { mixedRequests } from './writes.ts';

const SAMPLE_MS = 500;
/** How often we measure what processes keep in memory. Not more often, as they have to collect garbage for that. */
const HEAP_SAMPLES = 40;
const MOST_CONSUMER_MB = 200;
/** How many times its memory of the second quarter of the time a process may have in the last; more is a leak. */
const MOST_GROWTH = 1.15;
/** How long processes are idle before we read their memory, so that start-up is over. */
const REST_MS = 1_000;

const memoryChart = (title: string, lines: Line[]): Chart => ({
  title,
  xLabel: 'seconds since the start',
  yLabel: 'MB',
  lines,
});

const valuesOf = (line: Line) => line.points.map(([, mb]) => mb);
const ofKind = (lines: Line[], kind: string) => lines.filter(({ name }) => name.startsWith(kind));

/** A row with the memory of the largest process of a kind. */
const beforeAndAfter = (name: string, lines: Line[], kind: string): Row => {
  const [before = Number.NaN, after = Number.NaN] = [0, -1].map((at) =>
    Math.max(...ofKind(lines, kind).map((line) => valuesOf(line).at(at) ?? Number.NaN)),
  );
  return {
    name,
    title: `memory of the largest ${kind} after that`,
    unit: 'MB',
    ours: after,
    note: `${Math.round(before)} MB before.`,
  };
};

/** @returns the CPU seconds that 1,000 writes took, by who used them, and the memory of the processes meanwhile */
const measureCost = async (context: Context, build?: string) => {
  const { warmupMs, steadyMs, steadyRate, applyWithinMs } = context.sizes;
  const name = build === undefined ? 'cost' : 'base_cost';
  const { url, stores, processes, close } = await openSteady(context, name, '0', 0, {}, build);
  try {
    await sleep(Math.min(REST_MS, steadyMs));
    const memory = watchMemory(processes, SAMPLE_MS);
    const before = (await postFor(context, url, WARMUPS * warmupMs)).count;
    await watchDrain(stores, before, applyWithinMs);
    const cpu = countCpu(processes, context.system);
    const { count } = await postFor(context, url, steadyMs, { rate: steadyRate });
    await watchDrain(stores, before + count, applyWithinMs);
    return { ...cpu(count), lines: await memory.stop() };
  } finally {
    await close();
  }
};

/** The CPU and memory of everything that a write passes through, from the POST until it is applied. */
export const cost: Case<Context> = {
  name: 'cost',
  measure: async (context) => {
    const { steadyMs, steadyRate } = context.sizes;
    const { total, shares, lines } = await measureCost(context);
    const base = context.base === undefined ? undefined : await measureCost(context, context.base);
    const bare = await bareCost(context, steadyMs, { rate: steadyRate });
    const rows: Row[] = [
      {
        name: 'cost',
        title: `CPU for 1,000 writes, POST to applied, at ${steadyRate} writes/s`,
        unit: 's',
        ours: total,
        bare: bare.total,
        ...(base && { peer: base.total }),
        note: `${shares}; bare, not applied: ${bare.shares}${base ? `; base: ${base.shares}` : ''}.`,
      },
      beforeAndAfter('cost', lines, 'API worker'),
      beforeAndAfter('cost', lines, 'consumer'),
    ];
    return { rows, charts: [memoryChart(`Memory at ${steadyRate} writes/s`, lines)] };
  },
};

const steadiness = (name: string, title: string, lines: Line[]): Row => ({
  name,
  title,
  unit: 'times',
  ours: Math.max(...lines.map(growth)),
  target: { most: MOST_GROWTH },
});

/** A very long queue must not make the consumers use more memory. */
export const backlogMemory: Case<Context> = {
  name: 'backlog-memory',
  onRequest: true,
  measure: async ({ system, sizes }) => {
    const { use, close } = closing();
    try {
      const env = await system.place('backlog');
      const stores = use(await openStores(env), (started) => started.close());
      await stores.publishJobs(sizes.hugeBacklog);
      const consumers = use(await startConsumers(system.folder, 'backlog', env), async (started) => {
        await Promise.all(started.map((consumer) => consumer.stop()));
      });
      const memory = watchMemory(
        Object.fromEntries(consumers.map(({ name, pid }) => [name, pid])),
        SAMPLE_MS,
      );
      await watchDrain(stores, sizes.hugeBacklog, 10 * sizes.applyWithinMs);
      const lines = await memory.stop();
      const jobs = sizes.hugeBacklog.toLocaleString('en');
      const rows: Row[] = [
        {
          name: 'backlog-memory',
          title: `most memory of a consumer while ${jobs} jobs are applied`,
          unit: 'MB',
          ours: Math.max(...lines.flatMap(valuesOf)),
          target: { most: MOST_CONSUMER_MB },
        },
        steadiness('backlog-memory', 'its growth, last quarter to second', lines),
      ];
      return { rows, charts: [memoryChart(`Memory of consumers while ${jobs} jobs are applied`, lines)] };
    } finally {
      await close();
    }
  },
};

/** A mixed load for a long time. It asks for pages instead of the whole list, as that would grow. */
export const soak: Case<Context> = {
  name: 'soak',
  onRequest: true,
  measure: async (context) => {
    const { system, sizes } = context;
    const heap = fileURLToPath(new URL('../../testbed/heap.mjs', import.meta.url));
    const { url, processes, close } = await openSteady(context, 'soak', '0', 2 * sizes.listed, {
      NODE_OPTIONS: `--import=${heap}`,
    });
    try {
      const ids = filledIds(2 * sizes.listed);
      const workers = Object.fromEntries(
        Object.entries(processes).filter(([name]) => name.startsWith('API worker')),
      );
      const resident = watchMemory(processes, SAMPLE_MS);
      const retained = watchMemory(workers, sizes.soakMs / HEAP_SAMPLES, (pid) =>
        retainedMb(pid, system.folder),
      );
      const result = await system.generator.run({
        url,
        requests: mixedRequests('/orders?limit=50', ids.slice(0, sizes.listed), ids.slice(sizes.listed)),
        connections: sizes.connections,
        rate: sizes.steadyRate,
        warmupMs: 0,
        durationMs: sizes.soakMs,
      });
      const [all, kept] = [await resident.stop(), await retained.stop()];
      requireRight(result, 'ours');
      const rss = ofKind(all, 'API worker').flatMap(valuesOf);
      const row = steadiness(
        'soak',
        `what an API worker keeps after garbage collection, ${sizes.soakMs / 1000} s of mixed load, last quarter to second`,
        kept,
      );
      const range = (values: number[]) =>
        `${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))} MB`;
      const note = `Kept ${range(kept.flatMap(valuesOf))}, resident ${range(rss)}.`;
      return {
        rows: [{ ...row, note }],
        charts: [
          memoryChart('Memory under mixed load', all),
          memoryChart('Kept after garbage collection under mixed load', kept),
        ],
      };
    } finally {
      await close();
    }
  },
};
