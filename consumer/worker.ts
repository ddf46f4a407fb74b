/** The process that applies jobs: `node dist/consumer/worker.js <number>`. */
import { openCache } from '../cache/cache.ts';
import { giveUpMessage } from '../cache/dead-jobs.ts';
import { openDatabase, SILENCE_MS } from '../db/client.ts';
import { parseJob, type WriteJob } from '../domain/jobs.ts';
import { createClock } from '../domain/versions.ts';
import { runProcess } from '../process/lifecycle.ts';
import { type Delivery, takeJobs } from '../queue/deliveries.ts';
import { createBatches, type Entry, type Rest } from './batches.ts';
import { handleBatch } from './handle.ts';

import { handleSuspects } from './suspects.ts';
import { latestOf } from './times.ts';

/** AMQP has 16 bits for it (0-9-1, basic.qos). */
const MAX_PREFETCH = 65_535;

await runProcess(`consumer ${process.argv[2] ?? ''}`.trim(), async (config, log) => {
  const { batchSize, lingerMs, concurrency, writeLagMs } = config.consumer;
  // One for each batch in flight, one to watch whether MySQL is there.
  const database = openDatabase(config.mysql, log, {
    connections: concurrency + 1,
    silenceMs: writeLagMs + SILENCE_MS,
    applies: true,
  });
  const clock = createClock();
  const cache = openCache(config, log, () => latestOf(clock));
  const ending = new AbortController();
  /** Messages on their way to another queue. */
  const moving = new Set<Promise<void>>();
  const track = (work: Promise<void>) => {
    const moved = work.finally(() => moving.delete(moved));
    moving.add(moved);
  };
  const handling = {
    orm: database.orm,
    cache,
    log,
    clock,
    writeLagMs,
    batchSize,
    maxAttempts: config.rabbitmq.maxAttempts,
    progress: { applied: 0 },
    acknowledge: (deliveries: Delivery[]) => jobs.acknowledge(deliveries),
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
  const deadLetter = async (delivery: Delivery, reason: string) => {
    log.warn({ request_id: delivery.requestId, reason }, 'a message is no job');
    const became = await delivery.deadLetter('invalid_message', reason);
    if (became === 'dead') await giveUpMessage(cache.pending, delivery.body);
  };

  // The jobs of the next batch are at hand while the others are in flight.
  const prefetch = Math.min(MAX_PREFETCH, batchSize * (concurrency + 1));
  const jobs = await takeJobs(config.rabbitmq, log, prefetch, (delivery) => {
    let job: WriteJob;
    try {
      job = parseJob(delivery.body);
    } catch (error) {
      return track(deadLetter(delivery, error instanceof Error ? error.message : String(error)));
    }
    batches.add({ job, delivery });
  });
  // Tells a supervisor that the settings were right, and what it may log.
  process.send?.(config.logLevel);

  return async () => {
    ending.abort();
    await jobs.stop();
    await batches.stop();
    await Promise.all(moving);
    await jobs.close();
    await Promise.all([database.close(), cache.close()]);
  };
});
