/**
 * What `start_services.sh` does after the build: it starts the backends, migrates, and starts the API and the
 * consumers.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { environment, loadConfig, urlOf } from '../process/config.ts';
import { ensureBackends } from './backends.ts';
import { outliveReaders } from './output.ts';
import { heldLock, logSize, runningPid, startDetached, stopProcess, waitFor } from './processes.ts';
import { requireFreePort, type Watched, waitUntilReady } from './readiness.ts';
import {
  apiProcess,
  checkMetricsPorts,
  consumerProcess,
  hubProcess,
  isKept,
  type ServiceProcess,
  type StartedProcess,
  type SupervisedProcess,
  supervisorOf,
} from './service.ts';
import { stopAll } from './stopping.ts';
import { timeLimit } from './time-limit.ts';

/** More milliseconds than a supervisor takes to start, on a busy machine. */
const PID_FILES_MS = 30_000;

outliveReaders();
const say = (line: string): void => console.log(line);

/**
 * Brings the schema up to date.
 * @param started is called once it is clear that tables with rows in them can be changed, which takes its time
 */
const migrate = async (project: string, started: () => void, signal: AbortSignal): Promise<void> => {
  const child = spawn(process.execPath, [join(project, 'dist/ops/migrate.js')], {
    signal,
    stdio: ['ignore', 'pipe', 'pipe', ...heldLock()],
  });
  let problem = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    problem += bytes;
  });
  child.stdout?.on('data', (bytes: Buffer) => {
    started();
    say(bytes.toString().trimEnd());
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(problem.trimEnd());
};

/**
 * Starts consumers and the hub, under a supervisor. What of them still runs has lost its supervisor, and is exchanged.
 * @returns all of them, to be watched
 */
const startSupervised = async (
  processes: SupervisedProcess[],
  supervisor: StartedProcess,
  stopWithin: number,
): Promise<Watched[]> => {
  await Promise.all(
    processes.map(async (one) => {
      const outcome = await stopProcess(one, stopWithin);
      if (outcome !== 'not running') say(`Stopped ${one.name}, as its supervisor is gone.`);
      rmSync(one.readyFile, { force: true });
    }),
  );
  const watched: Watched[] = processes.map((one) => ({
    ...one,
    logStart: logSize(one.logFile),
    isOver: () => !existsSync(one.pidFile),
  }));
  const isOver = () => runningPid(supervisor) === undefined;
  const ofSupervisor = { ...supervisor, logStart: logSize(supervisor.logFile), isOver };
  await startDetached(supervisor);
  // It makes all PID files in one go.
  const last = processes.at(-1)?.pidFile ?? '';
  await waitFor(() => existsSync(last) || isOver() || undefined, PID_FILES_MS, 5);
  for (const one of processes) {
    const pid = runningPid(one);
    if (pid !== undefined) say(`Started ${one.name} (process ${pid}).`);
  }
  // The others first: if none of them could begin, it ends too.
  return [...watched, ofSupervisor];
};

/**
 * Starts what does not run yet and waits until it can be used.
 * @param undo gets a function for each step that starts something, which stops it again
 * @param signal makes it give up between two steps
 * @throws Error with a message for the person who starts it
 */
const start = async (project: string, undo: (() => Promise<void>)[], signal: AbortSignal): Promise<void> => {
  const config = loadConfig(environment());
  const readyWithin = timeLimit('START_TIMEOUT');
  const stopWithin = timeLimit('STOP_TIMEOUT');
  checkMetricsPorts(config);
  const metricsPort = config.metrics?.port;
  const numbers = Array.from({ length: config.consumer.count }, (_, i) => i + 1);
  const api = apiProcess(project);
  const consumers = numbers.map((number) => consumerProcess(project, number, metricsPort));
  // Without a history it still looks at the queues, for metrics.
  const hubs = config.historyDays > 0 || config.metrics ? [hubProcess(project, metricsPort)] : [];
  const supervised = [...consumers, ...hubs];
  const startsApi = runningPid(api) === undefined;
  if (startsApi) await requireFreePort(config.api);

  await ensureBackends(project, config, say, (stop) => undo.push(stop));
  signal.throwIfAborted();

  const watched: Watched[] = [];
  const toUndo: ServiceProcess[] = startsApi ? [api] : [];
  undo.push(() => stopAll(toUndo, stopWithin, () => {}));
  const startApiItself = async () => {
    watched.push({ ...api, logStart: logSize(api.logFile), isOver: () => runningPid(api) === undefined });
    rmSync(api.readyFile, { force: true });
    say(`Started ${api.name} (process ${await startDetached(api)}).`);
  };
  // Nobody waits for tables to be changed: the API accepts writes meanwhile.
  let apiStarts: Promise<void> | undefined;
  const startApi = () => {
    if (!startsApi || apiStarts) return;
    apiStarts = startApiItself();
    apiStarts.catch(() => {}); // whoever awaits it below is told
  };
  await migrate(project, startApi, signal);
  startApi();
  await apiStarts;
  // Only now: by then a supervisor has started again what died before.
  const missing = supervised.filter((one) => !isKept(project, one));
  if (missing.length > 0) {
    const supervisor = supervisorOf(project, missing, metricsPort);
    toUndo.unshift(supervisor, ...missing);
    watched.push(...(await startSupervised(missing, supervisor, stopWithin)));
  }
  for (const one of [api, ...supervised])
    if (!watched.some(({ pidFile }) => pidFile === one.pidFile)) say(`Already running: ${one.name}.`);
  await waitUntilReady(config, watched, readyWithin, signal);

  say(`
Orders is ready at ${urlOf(config.api)}.
Logs: server.log, worker_1.log and so on, hub.log, ${config.accessLog.file}. The admin password is in .env.
Try it:
  curl ${urlOf(config.api)}/orders -H 'content-type: application/json' \\
    -d '{"customer_name": "Ada", "items": [{"name": "Tea", "quantity": 2}]}'`);
};

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => interrupted.abort(new Error('Interrupted.')));

const undo: (() => Promise<void>)[] = [];
const tell = (error: unknown): void => console.error(error instanceof Error ? error.message : error);
try {
  await start(process.cwd(), undo, interrupted.signal);
} catch (error) {
  tell(interrupted.signal.aborted ? interrupted.signal.reason : error);
  if (undo.length > 0) console.error('What this run has started is stopped again.');
  for (const step of undo.reverse()) await step().catch(tell);
  process.exitCode = 1;
}
