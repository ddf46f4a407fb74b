/**
 * Keeps a process running. The supervisor of each process has one of its own, so it loads next to nothing, and leaves it
 * to the other to read the settings.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Config } from './config.ts';
import { createLog, type Log, type LogSettings, logSettings } from './log.ts';
import { logEvents } from './log-events.ts';
import type { Observer } from './observer.ts';
import { createRestarts } from './restarts.ts';
import { ignoreUnusedSignals, logSignal, onEndSignals } from './signals.ts';

/** Tells the supervisor of this process, if it has one, that its settings are right, and how to log. */
export const tellSupervisor = (config: Config): void => {
  process.send?.(logSettings(config));
};

/**
 * Starts a program, and again whenever it ends without being asked to. On SIGTERM or SIGINT it is ended, and this process
 * with its exit code.
 * @param name how log lines name the program
 * @param program the file that is run with this process's arguments
 * @param execArgv more arguments for Node
 */
export const supervise = (name: 'consumer' | 'hub', program: URL, execArgv: string[] = []): void => {
  const args = process.argv.slice(2);
  const restarts = createRestarts();
  let child: ChildProcess | undefined;
  /** Made once the first one is at work. If that one cannot be, another could not either, so none is started. */
  let log: Log | undefined;
  let ending = false;

  const startAgain = (
    servedMs: number,
    death: Omit<Parameters<Observer['supervisedDied']>[0], 'name' | 'delayMs'>,
  ) => {
    const delayMs = restarts.delayAfter(servedMs);
    if (log) logEvents(log).supervisedDied({ name, ...death, delayMs });
    setTimeout(start, delayMs);
  };

  const start = () => {
    const started = fork(program, args, { execArgv: [...process.execArgv, ...execArgv] });
    child = started;
    let servesSince = Number.POSITIVE_INFINITY;
    started.once('message', (message) => {
      servesSince = performance.now();
      log ??= createLog(['supervisor', ...args].join(' '), message as LogSettings);
    });
    started.once('exit', (code, signal) => {
      if (ending) process.exit(code ?? 1);
      if (!log) process.exit(code || 1);
      startAgain(Math.max(0, performance.now() - servesSince), { pid: started.pid, code, signal });
    });
    started.once('error', (error) => {
      // An exit follows, except if no process could be made, as without free file descriptors.
      if (started.pid !== undefined) return;
      if (!log) throw error;
      startAgain(0, { pid: undefined, error });
    });
  };

  const end = (signal: NodeJS.Signals) => {
    ending = true;
    // If the last one has died and the next has not begun, there is nothing to wait for.
    if (!child?.kill(signal)) process.exit(0);
  };
  ignoreUnusedSignals((signal) => log && logSignal(log, signal));
  onEndSignals(end);
  start();
};
