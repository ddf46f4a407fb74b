/**
 * The hub: it passes on what consumers have written into the journal. `node dist/hub/worker.js`
 * There may be several: one leads, and the others wait for its lock.
 */
import { getPriority, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Alone } from '../db/alone.ts';
import { openDatabase } from '../db/client.ts';
import { isReadOnly, reasonOf } from '../db/errors.ts';
import { pruneJobs } from '../db/jobs.ts';
import { type JournalLags, journalLags, pruneJournal } from '../db/journal.ts';
import { lockHub } from '../db/locks.ts';
import { readMaxBytes } from '../db/statements.ts';
import { serveEndpoint } from '../process/endpoint.ts';
import { runProcess } from '../process/lifecycle.ts';
import { observers } from '../process/observer.ts';
import { readyFile } from '../process/ready-file.ts';
import { beginRenewals } from '../process/renewals.ts';
import { tellSupervisor } from '../process/supervisor.ts';
import { watchBacklog } from '../queue/backlog.ts';
import { openEventPublisher } from '../queue/events.ts';
import { openMetrics } from '../telemetry/telemetry.ts';
import { hubHealth } from './health.ts';
import { createPassing } from './pass-on.ts';

const POLL_MS = 100;
const RETRY_MS = 500;
const LOCK_SECONDS = 2;
const PRUNE_INTERVAL_MS = 60_000;
/** How often it is looked how old the journal is. */
const LOOK_MS = 5_000;
const DAY_MS = 86_400_000;
/** Clients wait for the API and for consumers, not for this process: it yields to them where there is little CPU. */
const NICENESS = 5;

await runProcess('hub', async (config, telling) => {
  // To take more than it was given is for the superuser.
  if (getPriority() < NICENESS) setPriority(NICENESS);
  const ready = readyFile(config.readyFile);
  const health = hubHealth();
  const metrics = await openMetrics(config, 'hub');
  const observer = observers(telling.observer, health.listener, ...metrics.listeners);
  const closeEndpoint = serveEndpoint(config.metrics, { ...health.pages, ...metrics.pages }, observer);
  await beginRenewals([config.mysql, config.rabbitmq], observer);
  const database = openDatabase(config.mysql, observer, { connections: 1 });
  const publisher = await openEventPublisher(config.rabbitmq, observer);
  const passOn = createPassing(publisher, observer);
  /** Only who serves metrics looks at the queues and at the age of the journal. */
  const backlog = config.metrics && (await watchBacklog(config.rabbitmq, observer));
  let lag: JournalLags | undefined;
  metrics.read({ backlog: () => backlog?.seen(), lag: () => lag });
  const ending = new AbortController();
  const { signal } = ending;
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});

  const prune = async (alone: Alone): Promise<void> => {
    if (config.historyDays === 0) return;
    const before = new Date(Date.now() - config.historyDays * DAY_MS);
    const lost = await pruneJournal(alone, before);
    if (lost > 0) observer.eventsGivenUp({ entries: lost });
    let jobs = 0;
    for (let removed = 1; removed > 0 && !signal.aborted; jobs += removed)
      removed = await pruneJobs(alone, before);
    if (jobs > 0) observer.jobsPruned({ jobs });
  };

  const lead = (): Promise<void> =>
    database.alone(async (alone) => {
      ready.write();
      health.connected();
      while (!(await lockHub(alone, LOCK_SECONDS))) if (signal.aborted) return;
      observer.hubLeads({});
      problem = undefined;
      const connected = { alone, maxBytes: await readMaxBytes(alone) };
      let pruneAt = performance.now();
      let lookAt = pruneAt;
      while (!signal.aborted) {
        if (performance.now() >= pruneAt) {
          await prune(alone);
          pruneAt = performance.now() + PRUNE_INTERVAL_MS;
        }
        if (backlog && performance.now() >= lookAt) {
          lag = await journalLags(alone);
          lookAt = performance.now() + LOOK_MS;
        }
        if (!(await passOn(connected))) await pause(POLL_MS);
      }
    });
  /** Why the last try failed: as long as nothing else is the matter it is not told again. */
  let problem: string | undefined;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await lead().catch((error) => {
        lag = undefined;
        // It will lead once the server takes writes: there is nothing else to wait for.
        if (isReadOnly(error)) ready.write();
        const reason = reasonOf(error);
        if (reason !== problem) observer.hubInterrupted({ reason });
        problem = reason;
      });
      await pause(RETRY_MS);
    }
  };
  const running = run();
  tellSupervisor(config);

  return async () => {
    health.end();
    ready.remove();
    ending.abort();
    await running;
    await Promise.all([publisher.close(), backlog?.close(), database.close()]);
    closeEndpoint();
  };
});
