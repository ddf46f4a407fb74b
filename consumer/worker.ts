/** The process that applies jobs: `node dist/consumer/worker.js <number>`. */
import { openCache } from '../cache/cache.ts';
import { openDatabase, SILENCE_MS } from '../db/client.ts';
import { runProcess } from '../lifecycle.ts';
import { type Delivery, takeJobs } from '../queue/deliveries.ts';
import { handleDelivery } from './handle.ts';

/** Enough to have the next job at hand, few enough that other consumers get their share. */
const PREFETCH = 10;
/** One for the job at hand, one to watch whether MySQL is there. */
const CONNECTIONS = 2;

await runProcess(`consumer ${process.argv[2] ?? ''}`.trim(), async (config, log) => {
  const database = openDatabase(config.mysql, log, CONNECTIONS, config.consumer.writeLagMs + SILENCE_MS);
  const cache = openCache(config, log);
  const ending = new AbortController();
  const handling = {
    orm: database.orm,
    cache,
    log,
    writeLagMs: config.consumer.writeLagMs,
    maxAttempts: config.rabbitmq.maxAttempts,
    ending: ending.signal,
  };

  // One job after the other, in the order of their delivery. When the process ends, those that were not begun
  // stay unanswered and go back to the queue.
  let last = Promise.resolve();
  const handleNext = async (delivery: Delivery) => {
    if (ending.signal.aborted || delivery.isLost()) return;
    await handleDelivery(delivery, handling).catch((error) => {
      if (!ending.signal.aborted) throw error;
    });
  };
  const jobs = await takeJobs(config.rabbitmq, log, PREFETCH, (delivery) => {
    last = last.then(() => handleNext(delivery));
  });

  return async () => {
    ending.abort();
    await jobs.stop();
    await last;
    await jobs.close();
    await Promise.all([database.close(), cache.close()]);
  };
});
