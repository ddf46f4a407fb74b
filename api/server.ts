/** The process behind server.pid: a primary that keeps API_WORKERS workers, which share one port. */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Config } from '../process/config.ts';
import { type ProcessLog, runProcess } from '../process/lifecycle.ts';
import { createRestarts } from '../process/restarts.ts';
import { createHandoffs } from './http/handoffs.ts';

const runPrimary = async (config: Config, log: ProcessLog) => {
  for (const name of config.ignored) log.warn(`${name} is set and has no meaning here`);
  const restarts = createRestarts();
  const handoffs = createHandoffs();
  let ending = false;
  let listening = false;

  const start = () => {
    const worker = cluster.fork();
    handoffs.watch(worker);
    let servesSince = Number.POSITIVE_INFINITY;
    // What keeps the first worker from starting would keep the others too: they wait for it.
    worker.once('listening', () => {
      servesSince = performance.now();
      if (listening) return;
      listening = true;
      log.info(`listening on http://${config.api.host}:${config.api.port}`);
      for (let i = 1; i < config.api.workers; i++) start();
    });
    worker.once('exit', (code, signal) => {
      if (ending) return;
      if (!listening) process.exit(code || 1);
      const delay = restarts.delayAfter(Math.max(0, performance.now() - servesSince));
      log.warn(
        { worker_pid: worker.process.pid, code, signal, delay_ms: delay },
        'a worker died and is replaced',
      );
      setTimeout(() => ending || start(), delay);
    });
  };
  start();

  return async () => {
    ending = true;
    const workers = Object.values(cluster.workers ?? {}).filter(
      (worker): worker is Worker => worker !== undefined,
    );
    await Promise.all(
      workers.map(async (worker) => {
        const exit = once(worker, 'exit');
        worker.process.kill('SIGTERM');
        await exit;
      }),
    );
  };
};

// The primary serves nobody, so it does not load what serves.
await (cluster.isPrimary
  ? runProcess('api', runPrimary)
  : runProcess(`api worker ${cluster.worker?.id}`, (await import('./worker.ts')).runWorker));
