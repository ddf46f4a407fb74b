/** What writes cost, beside the least that they can: the same route without what applies them, and without much else. */
import { requireRight } from '../compare.ts';
import { countCpu } from '../cpu.ts';
import { startBare } from '../programs.ts';
import { openStores } from '../stores.ts';
import { type Context, closing } from './case.ts';
import { posts } from './orders.ts';
import { apiProcesses } from './steady.ts';

/** For how many rounds' warm-ups code is compiled, also that of consumers, before its cost is measured. */
export const WARMUPS = 6;

/**
 * Posts orders for a time.
 * @param steady how many a second; by default as many as are answered
 * @throws Error if an answer is wrong
 */
export const postFor = async (
  { sizes, system }: Context,
  url: string,
  durationMs: number,
  steady: { rate?: number } = {},
) => {
  const { connections } = sizes;
  const load = { url, requests: posts, connections, warmupMs: 0, durationMs, ...steady };
  const result = await system.generator.run(load);
  requireRight(result, url);
  return result;
};

/**
 * What Fastify, RabbitMQ and Redis take for the writes of the bare server, which nobody applies.
 * @param steady how many a second; by default as many as are answered
 * @returns the CPU seconds of 1,000 writes, by who used them
 */
export const bareCost = async (context: Context, durationMs: number, steady: { rate?: number } = {}) => {
  const { system, sizes } = context;
  const { use, close } = closing();
  try {
    const env = await system.place('bare_cost');
    // It makes the queue.
    use(await openStores(env), (started) => started.close());
    const bare = use(await startBare(system.folder, 'cost bare', env), (started) => started.stop());
    await postFor(context, bare.url, WARMUPS * sizes.warmupMs);
    const cpu = countCpu(await apiProcesses(bare.pid), system);
    return cpu((await postFor(context, bare.url, durationMs, steady)).count);
  } finally {
    await close();
  }
};
