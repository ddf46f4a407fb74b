/** What scenarios repeat, and the traces that show that a fault was one. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { workersOf } from '../../ops/workers.ts';
import { until } from '../helpers/until.ts';
import type { Context } from './scenario.ts';
import type { World } from './world.ts';

/** Does it again and again until the load has had enough, and at least so many times. */
export const repeat = async (
  atLeast: number,
  { enough }: Pick<Context, 'enough'>,
  work: () => Promise<unknown>,
): Promise<void> => {
  for (let n = 0; n < atLeast || !enough(); n++) await work();
};

/** How many lines of the logs of the APIs or the consumers hold a text. */
export const countLogged = ({ folder }: World, whose: 'api' | 'consumer', text: string): number =>
  readdirSync(join(folder, 'logs'))
    .filter((name) => name.startsWith(whose))
    .flatMap((name) => readFileSync(join(folder, 'logs', name), 'utf8').split('\n'))
    .filter((line) => line.includes(text)).length;

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
