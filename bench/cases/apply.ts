/** Measures how fast consumers apply a backlog of jobs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Span } from '../bare/inserts.ts';
import { startConsumers, startWorker } from '../programs.ts';
import { median, type Row } from '../report/results.ts';
import { openStores, type Stores } from '../stores.ts';
import { type Case, type Context, closing } from './case.ts';

const SAMPLE_MS = 100;
/** Processes that insert without consumers: as many as keep two cores busy. */
const INSERTERS = 4;

/**
 * Waits until `count` orders are in MySQL.
 * @param warmup how many of the first ones do not count for the rate
 * @returns how many jobs were applied per second, from the end of the warm-up to the last one
 * @throws Error if they are not there in time
 */
export const watchDrain = async (
  stores: Stores,
  count: number,
  withinMs: number,
  warmup = 0,
): Promise<number> => {
  const deadline = performance.now() + withinMs;
  let from = { at: performance.now(), applied: 0 };
  for (;;) {
    const at = performance.now();
    const applied = await stores.countOrders();
    if (applied <= warmup) from = { at, applied };
    if (applied >= count) return ((applied - from.applied) / (at - from.at)) * 1000;
    if (at > deadline) throw new Error(`Only ${applied} of ${count} were applied in ${withinMs / 1000} s.`);
    await sleep(SAMPLE_MS);
  }
};

/** Has consumers apply a backlog. @returns jobs per second */
const applyBacklog = async ({ system, sizes }: Context, lag: string, build?: string): Promise<number> => {
  const { use, close } = closing();
  try {
    const env = await system.place('apply', { SIMULATED_WRITE_LAG: lag }, build);
    const stores = use(await openStores(env), (started) => started.close());
    const { backlog, applyWarmup, applyWithinMs } = sizes;
    await stores.publishJobs(applyWarmup + backlog);
    const drained = watchDrain(stores, applyWarmup + backlog, applyWithinMs, applyWarmup);
    drained.catch(() => {});
    const name = `apply ${lag}${build === undefined ? '' : ' base'}`;
    use(await startConsumers(system.folder, name, env, build), async (consumers) => {
      await Promise.all(consumers.map((consumer) => consumer.stop()));
    });
    return await drained;
  } finally {
    await close();
  }
};

/** Inserts the same rows by as many processes, over one connection each. @returns orders per second */
const insertBare = async ({ system, sizes }: Context): Promise<number> => {
  const { folder, place } = system;
  const { backlog, applyWarmup } = sizes;
  const { use, close } = closing();
  try {
    const env = await place('inserts');
    const counts = [applyWarmup, backlog].map((count) => String(Math.ceil(count / INSERTERS)));
    const workers = Array.from({ length: INSERTERS }, () =>
      use(startWorker<Command, Span>(folder, 'bench/bare/inserts', counts, env), (worker) => worker.stop()),
    );
    await Promise.all(workers.map((worker) => worker.ask('prepare')));
    const spans = await Promise.all(workers.map((worker) => worker.ask('go')));
    const from = Math.min(...spans.map((span) => span.from));
    const to = Math.max(...spans.map((span) => span.to));
    return (backlog / (to - from)) * 1000;
  } finally {
    await close();
  }
};

const titleOf = ({ backlog }: Context['sizes'], lag: string) =>
  `apply ${backlog.toLocaleString('en')} jobs, lag ${lag} s`;

/** The lag is the limit here: each transaction has it once, however many jobs are in the transaction. */
export const applyWithLag: Case<Context> = {
  name: 'apply-lag',
  measure: async (context) => {
    const row: Row = {
      name: 'apply-lag',
      title: titleOf(context.sizes, '0.3'),
      unit: 'jobs/s',
      ours: await applyBacklog(context, '0.3'),
      ...(context.base !== undefined && { peer: await applyBacklog(context, '0.3', context.base) }),
      target: { least: 3_000 },
    };
    return { rows: [row] };
  },
};

export const apply: Case<Context> = {
  name: 'apply',
  measure: async (context) => {
    const ours: number[] = [];
    const bare: number[] = [];
    const base: number[] = [];
    for (let round = 0; round < context.sizes.applyRounds; round++) {
      ours.push(await applyBacklog(context, '0'));
      bare.push(await insertBare(context));
      if (context.base !== undefined) base.push(await applyBacklog(context, '0', context.base));
    }
    const row: Row = {
      name: 'apply',
      title: titleOf(context.sizes, '0'),
      unit: 'jobs/s',
      ours: median(ours),
      bare: median(bare),
      ...(base.length > 0 && { peer: median(base) }),
      target: { ofBare: 0.4, least: 12_000 },
    };
    return { rows: [row] };
  },
};
