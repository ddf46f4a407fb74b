/** The process that applies jobs: `node dist/consumer/worker.js <number>`. */
import { openCache } from '../cache/cache.ts';
import { openDatabase, SILENCE_MS } from '../db/client.ts';
import { parseJob, type WriteJob } from '../domain/jobs.ts';
import { createClock } from '../domain/versions.ts';
import type { Entry } from '../jobs/applied.ts';
import { createOutcomes } from '../jobs/outcomes.ts';
import { openStory } from '../jobs/story.ts';
import { serveEndpoint } from '../process/endpoint.ts';
import { runProcess } from '../process/lifecycle.ts';
import { observers } from '../process/observer.ts';
import { readyFile } from '../process/ready-file.ts';
import { beginRenewals } from '../process/renewals.ts';
import { tellSupervisor } from '../process/supervisor.ts';
import { type Delivery, takeJobs } from '../queue/deliveries.ts';
import { openMetrics, openTraces } from '../telemetry/telemetry.ts';
import { createBatches, type Rest } from './batches.ts';
import { handleBatch } from './handle.ts';
import { consumerHealth } from './health.ts';
import { handleSuspects } from './suspects.ts';
import { latestOf } from './times.ts';

/** AMQP has 16 bits for the prefetch (0-9-1, basic.qos). */
const MAX_PREFETCH = 65_535;

/**
 * The priority of a consumer by its number, from 1: all jobs go to the first as long as it has room for them, so its
 * transactions have many and the others sleep. Without a number, as in a container, jobs are dealt out in turn.
 */
const priorityOf = (number: string | undefined): number => 1 - (Number.parseInt(number ?? '', 10) || 1);

await runProcess(`consumer ${process.argv[2] ?? ''}`.trim(), async (config, telling) => {
  const ready = readyFile(config.readyFile);
  const health = consumerHealth(!config.cache.disabled);
  const metrics = await openMetrics(config, 'consumer');
  const traces = await openTraces(config, 'consumer', telling.observer);
  const observer = observers(
    telling.observer,
    { consuming: ready.write },
    health.listener,
    ...metrics.listeners,
    ...traces.listeners,
  );
  const closeEndpoint = serveEndpoint(config.metrics, { ...health.pages, ...metrics.pages }, observer);
  const { batchSize, lingerMs, concurrency, writeLagMs } = config.consumer;
  await beginRenewals([config.mysql, config.redis, config.rabbitmq], observer);
  const database = openDatabase(config.mysql, observer, {
    connections: config.connections.consumer,
    silenceMs: writeLagMs + SILENCE_MS,
    applies: true,
  });
  const clock = createClock();
  const cache = openCache(config, observer, () => latestOf(clock));
  const ending = new AbortController();
  /** Messages on their way to another queue. */
  const moving = new Set<Promise<unknown>>();
  const track = (work: Promise<unknown>) => {
    const moved = work.finally(() => moving.delete(moved));
    moving.add(moved);
  };
  const acknowledge = (deliveries: Delivery[]) => jobs.acknowledge(deliveries);
  const story = openStory(cache, database.orm, config.historyDays > 0);
  const outcomes = createOutcomes({ cache, story, observer, acknowledge, track });
  const handling = {
    orm: database.orm,
    observer,
    clock,
    writeLagMs,
    isTold: story.isTold,
    batchSize,
    maxAttempts: config.rabbitmq.maxAttempts,
    outcomes,
    progress: { applied: 0 },
    track,
    ending: ending.signal,
  };

  // When the process ends, what was not begun stays unanswered and goes back to the queue.
  const unlessEnding = (handle: typeof handleBatch) => (batch: Entry[], rest: Rest) =>
    handle(batch, rest, handling).catch((error) => {
      if (!ending.signal.aborted) throw error;
    });
  const batches = createBatches({
    size: batchSize,
    lingerMs,
    concurrency,
    run: unlessEnding(handleBatch),
    runSuspects: unlessEnding(handleSuspects),
  });
  // The jobs of the next batch are at hand while the others are in flight.
  const prefetch = Math.min(MAX_PREFETCH, batchSize * (concurrency + 1));
  const take = (delivery: Delivery) => {
    let job: WriteJob;
    try {
      job = parseJob(delivery.body);
    } catch (error) {
      return outcomes.refused(delivery, error instanceof Error ? error.message : String(error));
    }
    batches.add({ job, delivery });
  };
  const jobs = await takeJobs(config.rabbitmq, observer, prefetch, take, {
    priority: priorityOf(process.argv[2]),
    notes: cache.consumers,
  });
  metrics.read({ connections: database.usage, inHand: jobs.inHand, now: () => clock.now() / 1e3 });
  tellSupervisor(config);

  return async () => {
    health.end();
    ready.remove();
    ending.abort();
    await jobs.stop();
    await batches.stop();
    await Promise.all(moving);
    await jobs.close();
    story.close();
    await Promise.all([database.close(), cache.close(), traces.close()]);
    closeEndpoint();
  };
});
