/** How fast consumers apply a backlog of jobs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Span } from '../bare/inserts.ts';
import { CONSUMERS, startConsumers, startWorker } from '../programs.ts';
import { median, type Row } from '../report/results.ts';
import { openStores, type Stores } from '../stores.ts';
import type { System } from '../system.ts';
import { type Case, type Context, closing } from './case.ts';

const SAMPLE_MS = 100;

interface Drained {
  /** Jobs applied a second, from the first one applied to the last. */
  rate: number;
  applied: number;
}

/** Watches until `count` orders are there, or the time is over. */
export const watchDrain = async (stores: Stores, count: number, withinMs: number): Promise<Drained> => {
  const deadline = performance.now() + withinMs;
  let from = performance.now();
  for (;;) {
    const asked = performance.now();
    const applied = await stores.countOrders();
    if (applied === 0) from = asked;
    if (applied >= count || asked > deadline) return { rate: (applied / (asked - from)) * 1000, applied };
    await sleep(SAMPLE_MS);
  }
};

const applyBacklog = async ({ system, sizes }: Context, lag: string): Promise<Drained> => {
  const { use, close } = closing();
  try {
    const env = await system.place('apply', { SIMULATED_WRITE_LAG: lag });
    const stores = use(await openStores(env), (started) => started.close());
    await stores.publishJobs(sizes.backlog);
    const drained = watchDrain(stores, sizes.backlog, sizes.applyWithinMs);
    drained.catch(() => {});
    use(await startConsumers(system.folder, `apply ${lag}`, env), async (consumers) => {
      await Promise.all(consumers.map((consumer) => consumer.stop()));
    });
    return await drained;
  } finally {
    await close();
  }
};

/** The same rows by as many processes, over one connection each. @returns orders a second */
const insertBare = async ({ folder, place }: System, count: number): Promise<number> => {
  const { use, close } = closing();
  try {
    const env = await place('inserts');
    const each = String(Math.ceil(count / CONSUMERS));
    const workers = Array.from({ length: CONSUMERS }, () =>
      use(startWorker<Command, Span>(folder, 'bench/bare/inserts', [each], env), (worker) => worker.stop()),
    );
    await Promise.all(workers.map((worker) => worker.ask('prepare')));
    const spans = await Promise.all(workers.map((worker) => worker.ask('go')));
    const from = Math.min(...spans.map((span) => span.from));
    const to = Math.max(...spans.map((span) => span.to));
    return (count / (to - from)) * 1000;
  } finally {
    await close();
  }
};

const noteOf = (applied: number, count: number, withinMs: number) =>
  applied < count ? { note: `Only ${applied} of ${count} were applied in ${withinMs / 1000} s.` } : {};

const titleOf = ({ backlog }: Context['sizes'], lag: string) =>
  `apply ${backlog.toLocaleString('en')} jobs, lag ${lag} s`;

/** What limits here is the lag: one transaction takes it once, however many jobs are in it. */
export const applyWithLag: Case<Context> = {
  name: 'apply-lag',
  measure: async (context) => {
    const { backlog, applyWithinMs } = context.sizes;
    const { rate, applied } = await applyBacklog(context, '0.3');
    const row: Row = {
      name: 'apply-lag',
      title: titleOf(context.sizes, '0.3'),
      unit: 'jobs/s',
      ours: rate,
      target: { least: 3_000 },
      ...noteOf(applied, backlog, applyWithinMs),
    };
    return { rows: [row] };
  },
};

export const apply: Case<Context> = {
  name: 'apply',
  measure: async (context) => {
    const { backlog, applyRounds, applyWithinMs } = context.sizes;
    const ours: Drained[] = [];
    const bare: number[] = [];
    for (let round = 0; round < applyRounds; round++) {
      ours.push(await applyBacklog(context, '0'));
      bare.push(await insertBare(context.system, backlog));
    }
    const row: Row = {
      name: 'apply',
      title: titleOf(context.sizes, '0'),
      unit: 'jobs/s',
      ours: median(ours.map(({ rate }) => rate)),
      bare: median(bare),
      target: { ofBare: 0.4, least: 12_000 },
      ...noteOf(Math.min(...ours.map(({ applied }) => applied)), backlog, applyWithinMs),
    };
    return { rows: [row] };
  },
};
