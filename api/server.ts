/** The process behind server.pid: a primary that keeps API_WORKERS workers, which share one port. */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Config } from '../process/config.ts';
import { serveEndpoint } from '../process/endpoint.ts';
import { runProcess, type Telling } from '../process/lifecycle.ts';
import { keepSmall } from '../process/log-file.ts';
import { observers } from '../process/observer.ts';
import { readyFile } from '../process/ready-file.ts';
import { createRestarts } from '../process/restarts.ts';
import { openMetrics } from '../telemetry/telemetry.ts';
import { createHandoffs } from './http/handoffs.ts';

const runPrimary = async (config: Config, telling: Telling) => {
  const metrics = await openMetrics(config, 'primary');
  const observer = observers(telling.observer, ...metrics.listeners);
  const closeEndpoint = serveEndpoint(config.metrics, metrics.pages, observer);
  for (const name of config.ignored) observer.settingIgnored({ name });
  const { file } = config.accessLog;
  if (file !== '-') keepSmall(file, config.rotation, (sentence) => observer.accessLogFails({ sentence }));
  const restarts = createRestarts();
  const handoffs = createHandoffs();
  const ready = readyFile(config.readyFile);
  let ending = false;
  let listening = false;
  let left = config.api.workers;

  const start = () => {
    const worker = cluster.fork();
    handoffs.watch(worker);
    let servesSince = Number.POSITIVE_INFINITY;
    // What keeps the first worker from starting would keep the others too: they wait for it.
    worker.once('listening', () => {
      servesSince = performance.now();
      // Whoever sends load before that has all connections on the workers that are there, for as long as they are kept.
      if (--left === 0) ready.write();
      if (listening) return;
      listening = true;
      observer.listening({ url: `http://${config.api.host}:${config.api.port}` });
      for (let i = 1; i < config.api.workers; i++) start();
    });
    worker.once('exit', (code, signal) => {
      if (ending) return;
      if (!listening) process.exit(code || 1);
      const delayMs = restarts.delayAfter(Math.max(0, performance.now() - servesSince));
      observer.workerDied({ pid: worker.process.pid, code, signal, delayMs });
      setTimeout(() => ending || start(), delayMs);
    });
  };
  start();

  return async () => {
    ending = true;
    ready.remove();
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
    closeEndpoint();
  };
};

// The primary serves nobody, so it does not load what serves.
await (cluster.isPrimary
  ? runProcess('api', runPrimary)
  : runProcess(`api worker ${cluster.worker?.id}`, (await import('./worker.ts')).runWorker));
