/** Measures how long it takes from the 202 until an order is in MySQL. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RowDataPacket } from 'mysql2/promise';
import { createHistogram } from '../../cli/load/histogram.ts';
import { requireRight } from '../compare.ts';
import { type Chart, latencyOf, type Row } from '../report/results.ts';
import type { Stores } from '../stores.ts';
import type { Case, Context } from './case.ts';
import { posts } from './orders.ts';
import { openSteady } from './steady.ts';

const LAG = '0.3';
const POLL_MS = 20;
/** If an order is applied later than this after it was accepted, we notice it only in the end. */
const WINDOW_MS = 3_000;
/** How long orders may take that are missing when the load is over. */
const LAST_WITHIN_MS = 20_000;
const BUCKET_MS = 500;

/** Notes when orders appear in MySQL. */
const watchApplied = ({ mysql, countOrders }: Stores) => {
  const appliedAt = new Map<string, number>();
  let stopped = false;
  const look = async (since: Date) => {
    const at = performance.timeOrigin + performance.now();
    const [rows] = await mysql.query<RowDataPacket[]>('SELECT id FROM orders WHERE accepted_at >= ?', [
      since,
    ]);
    for (const { id } of rows) if (!appliedAt.has(id)) appliedAt.set(id, at);
  };
  const watching = (async () => {
    while (!stopped) {
      await look(new Date(Date.now() - WINDOW_MS));
      await sleep(POLL_MS);
    }
  })();
  // What goes wrong is told by `finish`.
  watching.catch(() => {});
  return {
    /** Waits for a limited time until `count` orders are there. @returns when each was noticed, in ms since 1970 */
    finish: async (count: number): Promise<Map<string, number>> => {
      const deadline = Date.now() + LAST_WITHIN_MS;
      while ((await countOrders()) < count && Date.now() < deadline) await sleep(POLL_MS);
      stopped = true;
      await watching;
      await look(new Date(0));
      return appliedAt;
    },
  };
};

const toChart = (lags: { at: number; lag: number }[]): Chart => {
  const start = Math.min(...lags.map(({ at }) => at));
  const buckets = new Map<number, ReturnType<typeof createHistogram>>();
  for (const { at, lag } of lags) {
    const bucket = Math.floor((at - start) / BUCKET_MS);
    const histogram = buckets.get(bucket) ?? createHistogram();
    histogram.record(lag);
    buckets.set(bucket, histogram);
  }
  const inOrder = [...buckets].toSorted(([a], [b]) => a - b);
  const line = (p: number) => ({
    name: `p${p}`,
    points: inOrder.map(([bucket, histogram]): [number, number] => [
      (bucket * BUCKET_MS) / 1000,
      histogram.percentile(p),
    ]),
  });
  return {
    title: 'From 202 to applied',
    xLabel: 'seconds since the start',
    yLabel: 'ms',
    lines: [line(50), line(99)],
  };
};

const measureLag = async (context: Context, build?: string) => {
  const { steadyRate, steadyMs, connections } = context.sizes;
  const name = build === undefined ? 'lag' : 'base_lag';
  const { url, stores, close } = await openSteady(context, name, LAG, 0, {}, build);
  try {
    const applied = watchApplied(stores);
    const result = await context.system.generator.run({
      url,
      requests: posts,
      connections,
      rate: steadyRate,
      warmupMs: 0,
      durationMs: steadyMs,
      keepBodies: true,
    });
    const appliedAt = await applied.finish(result.count);
    requireRight(result, name);
    const end = performance.timeOrigin + performance.now();
    const lags = result.answers.map(({ at, body }) => {
      const seen = appliedAt.get(JSON.parse(body).order_id);
      return { at, seen, lag: Math.max(0, (seen ?? end) - at) };
    });
    const late = lags.filter(({ seen }) => seen === undefined).length;
    if (late > 0)
      throw new Error(
        `${late} of ${lags.length} were not applied ${LAST_WITHIN_MS / 1000} s after the last one.`,
      );
    const histogram = createHistogram();
    for (const one of lags) histogram.record(one.lag);
    return { latency: latencyOf([histogram.counts()]), chart: toChart(lags) };
  } finally {
    await close();
  }
};

export const lag: Case<Context> = {
  name: 'lag',
  measure: async (context) => {
    const ours = await measureLag(context);
    const base = context.base === undefined ? undefined : await measureLag(context, context.base);
    const row: Row = {
      name: 'lag',
      title: `202 → applied, p99, ${context.sizes.steadyRate} writes/s, lag ${LAG} s`,
      unit: 'ms',
      ours: ours.latency['99'],
      latency: ours.latency,
      ...(base && { peer: base.latency['99'], peerLatency: base.latency }),
      target: { most: 1_500 },
    };
    return { rows: [row], charts: [ours.chart] };
  },
};
