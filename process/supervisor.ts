/**
 * Keeps programs running: all that start_services.sh starts beside the API, or a single one, as in a container. It loads
 * next to nothing, and leaves it to the programs to read the settings.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { createClaim } from './claim.ts';
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

const ENDS = 'ends';
/** Tells the supervisor that this process was asked to end: however it ends, no other is to follow. */
export const tellSupervisorOfEnd = (): void => {
  if (process.connected) process.send?.(ENDS);
};

/** A program to be kept running. */
export interface Program {
  /** How log lines name it. */
  name: 'consumer' | 'hub';
  /** The path of the file that Node runs. */
  file: string;
  args: string[];
  /** More arguments for Node. */
  execArgv?: string[];
  /** By default that of this process. */
  env?: NodeJS.ProcessEnv;
  /** Has the id of its process, and is gone once it is not kept running any more. */
  pidFile?: string;
  /** Where its standard output and standard error go, if not where those of this process go. */
  logFile?: string;
}

type Death = Omit<Parameters<Observer['supervisedDied']>[0], 'name' | 'delayMs'>;

const launch = ({ file, args, execArgv = [], env, logFile }: Program): ChildProcess => {
  const options = { execArgv: [...process.execArgv, ...execArgv], ...(env && { env }) };
  if (logFile === undefined) return fork(file, args, options);
  const log = openSync(logFile, 'a', 0o600);
  try {
    return fork(file, args, { ...options, stdio: ['ignore', log, log, 'ipc'] });
  } finally {
    closeSync(log);
  }
};

/**
 * Starts a program, and again whenever it ends without being asked to.
 * @param isOver called once, with an exit code: it was asked to end, or could not begin, or somebody else has it now
 */
const keep = (program: Program, isOver: (code: number) => void) => {
  const { name, args, pidFile, logFile } = program;
  const restarts = createRestarts();
  const claim = createClaim(pidFile);
  let child: ChildProcess | undefined;
  let next: NodeJS.Timeout | undefined;
  /** Made once the first one is at work. If that one cannot be, another could not either, so none is started. */
  let log: Log | undefined;
  let ending = false;

  const over = (code: number) => {
    claim.giveUp();
    isOver(code);
  };
  const startAgain = (servedMs: number, death: Death) => {
    const delayMs = restarts.delayAfter(servedMs);
    if (log) logEvents(log).supervisedDied({ name, ...death, delayMs });
    next = setTimeout(() => {
      next = undefined;
      if (claim.holds()) return start();
      log?.warn(`the ${name} is not started again: ${pidFile} does not name it any more`);
      over(0);
    }, delayMs);
  };
  const cannotStart = (error: unknown) => {
    if (log) return startAgain(0, { pid: undefined, error });
    const sentence = error instanceof Error ? error.message : String(error);
    if (logFile === undefined) console.error(sentence);
    else appendFileSync(logFile, `${sentence}\n`);
    over(1);
  };

  const start = () => {
    let started: ChildProcess;
    try {
      started = launch(program);
      // Without free file descriptors no process is made, and an error follows.
      if (started.pid !== undefined) claim.make(started.pid, () => started.kill('SIGKILL'));
    } catch (error) {
      return cannotStart(error);
    }
    child = started;
    let servesSince = Number.POSITIVE_INFINITY;
    let wasAsked = false;
    started.on('message', (message) => {
      if (message === ENDS) wasAsked = true;
      else {
        servesSince = performance.now();
        log ??= createLog(['supervisor', ...args].join(' '), message as LogSettings);
      }
    });
    started.once('exit', (code, signal) => {
      child = undefined;
      // SIGTERM itself ends a process that does not listen to it yet.
      const isEnd = ending || wasAsked || code === 0 || signal === 'SIGTERM';
      if (isEnd || !log) return over(code ?? 1);
      startAgain(Math.max(0, performance.now() - servesSince), { pid: started.pid, code, signal });
    });
    started.once('error', (error) => {
      // An exit follows if there was a process.
      if (started.pid !== undefined) return;
      child = undefined;
      if (ending) over(0);
      else cannotStart(error);
    });
  };

  return {
    start,
    tell: (signal: NodeJS.Signals) => log && logSignal(log, signal),
    end: (signal: NodeJS.Signals) => {
      ending = true;
      child?.kill(signal);
      if (!next) return;
      // The last one has died and the next has not begun: there is nothing to wait for.
      clearTimeout(next);
      next = undefined;
      over(0);
    },
  };
};

/**
 * Keeps programs running. On SIGTERM or SIGINT all are ended. This process ends when all are over, with 0 or the first
 * exit code that is another one.
 */
export const supervise = (...programs: Program[]): void => {
  let left = programs.length;
  let exitCode = 0;
  const kept = programs.map((program) =>
    keep(program, (code) => {
      exitCode ||= code;
      if (--left === 0) process.exit(exitCode);
    }),
  );
  // Each log listens to SIGHUP.
  process.setMaxListeners(programs.length + 10);
  ignoreUnusedSignals((signal) => {
    for (const { tell } of kept) tell(signal);
  });
  onEndSignals((signal) => {
    for (const { end } of kept) end(signal);
  });
  for (const { start } of kept) start();
};
