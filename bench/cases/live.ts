/** POST while everything that is accepted is applied meanwhile: as the service runs by default, with its simulated lag. */

import { requireRight } from '../compare.ts';
import { countCpu } from '../cpu.ts';
import { type Latency, latencyOf, type Row } from '../report/results.ts';
import type { Case, Context } from './case.ts';
import { posts } from './orders.ts';
import { openSteady } from './steady.ts';

const LAG = '0.3';

interface Live {
  rate: number;
  latency: Latency;
  cpu?: { total: number; shares: string };
}

const postTo = async ({ system, sizes }: Context, url: string, who: string, durationMs: number) => {
  const result = await system.generator.run({
    url,
    requests: posts,
    connections: sizes.connections,
    warmupMs: 0,
    durationMs,
  });
  requireRight(result, who);
  return result;
};

const measureLive = async (context: Context, name: string, build?: string): Promise<Live> => {
  const { warmupMs, rounds, roundMs } = context.sizes;
  const { url, processes, close } = await openSteady(context, name, LAG, 0, {}, build);
  try {
    // At first there is code to compile, on the way through the consumers as well.
    await postTo(context, url, name, 3 * warmupMs);
    const cpu = countCpu(processes, context.system);
    const result = await postTo(context, url, name, rounds * roundMs);
    return {
      rate: result.count / result.seconds,
      latency: latencyOf([result.latency]),
      cpu: cpu(result.count),
    };
  } finally {
    await close();
  }
};

const measurePeer = async (context: Context): Promise<Live | undefined> => {
  if (context.base !== undefined) return measureLive(context, 'base_live', context.base);
  if (!context.peer) return undefined;
  const { url, name } = context.peer;
  const { warmupMs, rounds, roundMs } = context.sizes;
  await postTo(context, url, name, 3 * warmupMs);
  const result = await postTo(context, url, name, rounds * roundMs);
  return { rate: result.count / result.seconds, latency: latencyOf([result.latency]) };
};

export const postLive: Case<Context> = {
  name: 'post-live',
  measure: async (context) => {
    const ours = await measureLive(context, 'live');
    const peer = await measurePeer(context);
    const note = [ours.cpu, peer?.cpu]
      .flatMap((cpu, i) => (cpu ? [`${i === 0 ? '' : 'base: '}${cpu.shares}`] : []))
      .join('; ');
    const row: Row = {
      name: 'post-live',
      title: `POST while consumers apply, lag ${LAG} s`,
      unit: 'requests/s',
      ours: ours.rate,
      latency: ours.latency,
      ...(peer && { peer: peer.rate, peerLatency: peer.latency }),
      note: `CPU seconds for 1,000 writes: ${note}.`,
    };
    return { rows: [row] };
  },
};
