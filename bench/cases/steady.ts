/** An API with its consumers, for a steady load under which nothing waits for long and nothing is saturated. */

import { workersOf } from '../../ops/workers.ts';
import { fillOrders } from '../fill.ts';
import { startApi, startConsumers } from '../programs.ts';
import { openStores } from '../stores.ts';
import { type Context, closing } from './case.ts';

/** The processes of a server by their names. @param pid of its primary */
export const apiProcesses = async (pid: number): Promise<Record<string, number>> => {
  const workers = (await workersOf(pid)).map((worker, i) => [`API worker ${i + 1}`, worker]);
  return { 'API primary': pid, ...Object.fromEntries(workers) };
};

/**
 * Starts an API and its consumers in a place of their own.
 * @param lag the simulated lag, in seconds
 * @param orders how many orders are in MySQL
 * @param overrides more settings
 * @param build the `dist` folder whose programs are started; by default our own
 */
export const openSteady = async (
  { system }: Context,
  name: string,
  lag: string,
  orders = 0,
  overrides: NodeJS.ProcessEnv = {},
  build?: string,
) => {
  const { use, close } = closing();
  try {
    const env = await system.place(name, { SIMULATED_WRITE_LAG: lag, ...overrides }, build);
    const stores = use(await openStores(env), (started) => started.close());
    if (orders > 0) await fillOrders(stores.mysql, orders);
    const api = use(await startApi(system.folder, `${name} api`, env, build), (started) => started.stop());
    const consumers = use(await startConsumers(system.folder, name, env, build), async (started) => {
      await Promise.all(started.map((consumer) => consumer.stop()));
    });
    const processes = await apiProcesses(api.pid);
    for (const { name: called, pid } of consumers) processes[called.slice(name.length + 1)] = pid;
    return { url: api.url, stores, close, /** PIDs by name. */ processes };
  } catch (error) {
    await close();
    throw error;
  }
};
