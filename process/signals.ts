/** Signals that a process of the service has no use for. */

/**
 * Signals that logrotate's recipes and gunicorn's users send (gunicorn, "Signal Handling": reload, reopen logs, one
 * worker more or less). By default they end or stop a process, and SIGUSR1 opens Node's debugger on a port.
 */
const unused = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const;

/** Ignores these signals. @param told is called with the name of each one that comes */
export const ignoreUnusedSignals = (told: (signal: NodeJS.Signals) => void): void => {
  for (const signal of unused) process.on(signal, told);
};

/** What the log says if such a signal comes. */
export const unusedSignal = (signal: NodeJS.Signals): string =>
  `${signal} has no meaning here: restart to read new settings; logs are only ever appended to, rotate them with copytruncate`;
