/**
 * The process behind worker_N.pid: it keeps a consumer running. `node dist/consumer/supervisor.js <number>`
 * There is one for each consumer, so it loads next to nothing and leaves it to the consumer to read the settings.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createLog, type Log, type LogSettings } from '../process/log.ts';
import { logEvents } from '../process/log-events.ts';
import type { Observer } from '../process/observer.ts';
import { createRestarts } from '../process/restarts.ts';
import { ignoreUnusedSignals, onEndSignals, unusedSignal } from '../process/signals.ts';

const args = process.argv.slice(2);
/**
 * The consumer's stack in KiB, of the 8 MiB that a main thread has. amqplib calls itself for each level of a header,
 * and 128 KiB of headers can have 26,000 levels. With V8's default of 984 KiB such a message would end the connection
 * each time that it is delivered.
 */
const STACK_SIZE = 6_000;
const restarts = createRestarts();
let consumer: ChildProcess | undefined;
/** Made once the first consumer has subscribed. If that one cannot, another could not either, so none is started. */
let log: Log | undefined;
let ending = false;

const startAgain = (servedMs: number, death: Omit<Parameters<Observer['consumerDied']>[0], 'delayMs'>) => {
  const delayMs = restarts.delayAfter(servedMs);
  if (log) logEvents(log).consumerDied({ ...death, delayMs });
  setTimeout(start, delayMs);
};

const start = () => {
  const child = fork(new URL('worker.js', import.meta.url), args, {
    execArgv: [...process.execArgv, `--stack-size=${STACK_SIZE}`],
  });
  consumer = child;
  let consumesSince = Number.POSITIVE_INFINITY;
  child.once('message', (message) => {
    consumesSince = performance.now();
    const { level, format } = message as LogSettings;
    log ??= createLog(level, ['supervisor', ...args].join(' '), format);
  });
  child.once('exit', (code, signal) => {
    if (ending) process.exit(code ?? 1);
    if (!log) process.exit(code || 1);
    startAgain(Math.max(0, performance.now() - consumesSince), { pid: child.pid, code, signal });
  });
  child.once('error', (error) => {
    // An exit follows, except if no process could be made, as without free file descriptors.
    if (child.pid !== undefined) return;
    if (!log) throw error;
    startAgain(0, { pid: undefined, error });
  });
};

const end = (signal: NodeJS.Signals) => {
  ending = true;
  // If the last consumer has died and the next has not begun, there is nothing to wait for.
  if (!consumer?.kill(signal)) process.exit(0);
};
ignoreUnusedSignals((signal) => log?.warn(unusedSignal(signal)));
onEndSignals(end);
start();
