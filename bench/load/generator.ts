/** The load generator as a process of its own, so that it costs the same whatever it measures. */
import { startWorker } from '../programs.ts';
import type { LoadResult, LoadTask } from './load.ts';

export type Task = Omit<LoadTask, 'host' | 'port'> & { url: string };

/** Starts the load generator. @param folder in which it works, so that the folder's guard ends it */
export const startGenerator = (folder: string) => {
  const worker = startWorker<LoadTask, LoadResult>(folder, 'bench/load/generate', [], {
    PATH: process.env.PATH,
  });
  return {
    /** Runs a task; only one may run at a time. */
    run: ({ url, ...task }: Task): Promise<LoadResult> => {
      const { hostname, port } = new URL(url);
      return worker.ask({ ...task, host: hostname, port: Number(port || 80) });
    },
    stop: worker.stop,
  };
};
export type Generator = ReturnType<typeof startGenerator>;
