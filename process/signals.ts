/** Which signals end a process of the service, and which have no use. */
import type { Log } from './log.ts';

/**
 * Signals that logrotate's recipes and gunicorn's users send (gunicorn, "Signal Handling": reload, reopen logs, one
 * worker more or less). By default they end or stop a process, and SIGUSR1 opens Node's debugger on a port.
 */
const unused = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const;

/** Whether it tells a process in the foreground that its terminal was closed. */
const isEnd = (signal: NodeJS.Signals): boolean => signal === 'SIGHUP' && process.stdout.isTTY;

/** Ignores these signals. @param told is called with the name of each one that comes */
export const ignoreUnusedSignals = (told: (signal: NodeJS.Signals) => void): void => {
  for (const signal of unused) if (!isEnd(signal)) process.on(signal, told);
};

/**
 * Listens to the signals that ask for the end.
 * @param end is called with the name of each one, often twice: a terminal sends SIGINT to all processes in its
 *   foreground, and npm, which started this one, passes it on
 */
export const onEndSignals = (end: (signal: NodeJS.Signals) => void): void => {
  for (const signal of ['SIGTERM', 'SIGINT', ...unused.filter(isEnd)] as const) process.on(signal, end);
};

/** Says in the log that such a signal has come. */
export const logSignal = (log: Log, signal: NodeJS.Signals): void => {
  // The file is opened anew by whoever writes to it (log-file.ts).
  if (signal === 'SIGHUP') log.info('SIGHUP: logs that were moved away are written anew');
  else log.warn(`${signal} has no meaning here: restart to read new settings`);
};
