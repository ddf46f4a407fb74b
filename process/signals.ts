/** Signals that a process of the service has no use for. */

/**
 * What logrotate's recipes and gunicorn's users send (gunicorn, "Signal Handling": reload, reopen logs, one worker more or
 * less). By default they end a process, stop it, or, SIGUSR1, open Node's debugger on a port.
 */
const unused = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const;

/** @param told is called with the name of each that comes; nothing else happens */
export const ignoreUnusedSignals = (told: (signal: NodeJS.Signals) => void): void => {
  for (const signal of unused) process.on(signal, told);
};

/** What the log says of one. */
export const unusedSignal = (signal: NodeJS.Signals): string =>
  `${signal} has no meaning here: restart to read new settings; logs are only ever appended to, rotate them with copytruncate`;
