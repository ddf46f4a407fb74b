/** The process that applies jobs: `node dist/consumer/worker.js <number>`. */
import { openCache } from '../cache/cache.ts';
import { openDatabase, SILENCE_MS } from '../db/client.ts';
import { runProcess } from '../lifecycle.ts';
import { type Delivery, takeJobs } from '../queue/deliveries.ts';
import { createBatches, type Entry } from './batches.ts';
import { handleBatch } from './handle.ts';
import { InvalidJob, parseJob } from './job.ts';
import { handleSuspects } from './suspects.ts';

await runProcess(`consumer ${process.argv[2] ?? ''}`.trim(), async (config, log) => {
  const { batchSize, lingerMs, concurrency, writeLagMs } = config.consumer;
  // One for each batch in flight, one to watch whether MySQL is there.
  const database = openDatabase(config.mysql, log, concurrency + 1, writeLagMs + SILENCE_MS);
  const cache = openCache(config, log);
  const ending = new AbortController();
  const handling = {
    orm: database.orm,
    cache,
    log,
    writeLagMs,
    batchSize,
    maxAttempts: config.rabbitmq.maxAttempts,
    acknowledge: (deliveries: Delivery[]) => jobs.acknowledge(deliveries),
    ending: ending.signal,
  };

  // When the process ends, what was not begun stays unanswered and goes back to the queue.
  const unlessEnding = (handle: typeof handleBatch) => (batch: Entry[]) =>
    handle(batch, handling).catch((error) => {
      if (!ending.signal.aborted) throw error;
    });
  const batches = createBatches({
    size: batchSize,
    lingerMs,
    concurrency,
    run: unlessEnding(handleBatch),
    runSuspects: unlessEnding(handleSuspects),
  });
  const moving = new Set<Promise<void>>();
  const deadLetter = (delivery: Delivery, { message: reason }: InvalidJob) => {
    log.warn({ request_id: delivery.requestId, reason }, 'a message is no job');
    const moved = delivery.deadLetter('invalid_message', reason).finally(() => moving.delete(moved));
    moving.add(moved);
  };

  // The jobs of the next batch are at hand while the others are in flight.
  const prefetch = batchSize * (concurrency + 1);
  const jobs = await takeJobs(config.rabbitmq, log, prefetch, (delivery) => {
    try {
      batches.add({ job: parseJob(delivery.body), delivery });
    } catch (error) {
      if (!(error instanceof InvalidJob)) throw error;
      deadLetter(delivery, error);
    }
  });

  return async () => {
    ending.abort();
    await jobs.stop();
    await batches.stop();
    await Promise.all(moving);
    await jobs.close();
    await Promise.all([database.close(), cache.close()]);
  };
});
