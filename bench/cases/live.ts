/** Measures POST while consumers apply what is accepted: as the service runs by default, with its simulated lag. */

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

/**
 * Measures POST after a warm-up, in which the code is compiled, also that of the consumers.
 * @param onWarm is called when the warm-up is over
 */
const measurePosts = async (
  { system, sizes }: Context,
  url: string,
  who: string,
  onWarm: () => void = () => {},
) => {
  const { connections, warmupMs, rounds, roundMs } = sizes;
  const post = (durationMs: number) =>
    system.generator.run({ url, requests: posts, connections, warmupMs: 0, durationMs });
  requireRight(await post(3 * warmupMs), who);
  onWarm();
  const result = await post(rounds * roundMs);
  requireRight(result, who);
  const { count, seconds, latency } = result;
  return { count, rate: count / seconds, latency: latencyOf([latency]) };
};

const measureLive = async (context: Context, name: string, build?: string): Promise<Live> => {
  const { url, processes, close } = await openSteady(context, name, LAG, 0, {}, build);
  try {
    let cpu = countCpu(processes, context.system);
    const posted = await measurePosts(context, url, name, () => {
      cpu = countCpu(processes, context.system);
    });
    return { ...posted, cpu: cpu(posted.count) };
  } finally {
    await close();
  }
};

const measurePeer = async (context: Context): Promise<Live | undefined> => {
  if (context.base !== undefined) return measureLive(context, 'base_live', context.base);
  return context.peer && measurePosts(context, context.peer.url, context.peer.name);
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
