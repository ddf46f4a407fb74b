/** What scenarios repeat, and the traces that show that a fault was one. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { workersOf } from '../../../ops/workers.ts';
import { erlang, evaluate } from '../../../testbed/rabbitmqctl.ts';
import { until } from '../../../testbed/until.ts';
import { check } from './checker.ts';
import type { Context } from './scenario.ts';
import { readQueues } from './stores.ts';
import type { World } from './world.ts';

const HAPPENS_WITHIN_MS = 60_000;

/** Repeats a fault until the load has its accepted writes, and at least so many times. */
export const repeat = async (
  atLeast: number,
  { enough }: Pick<Context, 'enough'>,
  work: () => Promise<unknown>,
): Promise<void> => {
  for (let n = 0; n < atLeast || !enough(); n++) await work();
};

/** Asks an injected module for what it does, and waits until it has begun. */
export const provoke = async ({ folder }: World, what: string): Promise<void> => {
  const file = join(folder, what);
  writeFileSync(file, '');
  await until(`there was a ${what}`, () => !existsSync(file), HAPPENS_WITHIN_MS);
};

/** Makes RabbitMQ short of memory, so that it blocks those who publish, or gives it what it has by default. */
export const setMemoryAlarm = ({ servers }: World, on: boolean): Promise<unknown> =>
  evaluate(servers.rabbitmq.folder, erlang.setMemoryLimit(on ? 0.00001 : 0.4));

/** Waits until all that was accepted is applied. The load must pause. */
export const drain = ({ world, load }: Pick<Context, 'world' | 'load'>) =>
  until(
    'the queue is drained',
    async () => {
      const { waiting, dead } = await readQueues(world.env);
      if (waiting > 0) return false;
      const state = {
        stored: await world.orders(),
        shown: new Map<string, string>(),
        dead: new Set(dead.map(({ jobId }) => jobId)),
      };
      const { violations } = check(load.history, state, { readYourWrites: false });
      return Object.values(violations).every((count) => count === 0);
    },
    120_000,
  );

/** How many lines of the logs of the APIs, the consumers or the hubs hold a text. */
export const countLogged = (world: World, whose: 'api' | 'consumer' | 'hub', text: string): number =>
  world.logged(whose).filter((line) => line.includes(text)).length;

/**
 * Failures for which consumers blamed jobs. In no scenario does a job fail by itself, unless its order does not exist.
 * So these were failures of the database, which must not count against jobs. A batch whose connection is lost again and
 * again is tried in halves, which blames nobody: one of its statements might be what the server dies of.
 */
export const blamed = (world: World): string[] =>
  world
    .logged('consumer')
    .filter(
      (line) =>
        (line.includes('"a batch failed and is split"') && !/Connection lost|ECONNRESET|EPIPE/.test(line)) ||
        (line.includes('"the job failed"') && !line.includes('"reason":"order_not_found"')),
    );

/** Jobs that have changed the database twice. */
export const appliedTwice = (world: World): string[] => {
  const applied = world
    .logged('consumer')
    .flatMap((line) =>
      line.includes('"outcome":"applied"') ? (/"job_id":"([^"]+)"/.exec(line)?.slice(1) ?? []) : [],
    );
  const once = new Set<string>();
  return applied
    .filter((job) => once.size === once.add(job).size)
    .map((job) => `job ${job} was applied twice`);
};

/** What all API workers together keep in memory after garbage collection, in bytes. Takes the injected `heap`. */
export const apiHeap = async ({ apis, folder }: World): Promise<number> => {
  const workers = (await Promise.all(apis.map((api) => workersOf(api.pid())))).flat();
  const sizes = workers.map(async (pid) => {
    const file = join(folder, `heap.${pid}`);
    rmSync(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    await until(`API worker ${pid} has measured its heap`, () => existsSync(file));
    return Number(readFileSync(file, 'utf8'));
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
};
