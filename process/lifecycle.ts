/** How a process begins and ends: settings, log, signals, and a limited time to finish. */
import { isNamedIn } from './claim.ts';
import { addresses, type Config, ConfigError, environment, loadConfig } from './config.ts';
import { createLog, logSettings } from './log.ts';
import { logEvents } from './log-events.ts';
import type { Observer } from './observer.ts';
import { tidyWhenQuiet } from './quiet.ts';
import { ignoreUnusedSignals, logSignal, onEndSignals } from './signals.ts';
import { tellSupervisorOfEnd } from './supervisor.ts';

/**
 * How long a process may take to finish, SHUTDOWN_GRACE not included. By default stop_services.sh kills it after 30 s,
 * so it gives up just before.
 */
const FAREWELL_MS = 28_000;

/** How a process tells what happens in it: to the observer. Only its start and its end go to the log directly. */
export interface Telling {
  log: ReturnType<typeof createLog>;
  observer: Observer;
}

/**
 * Runs a process. It reads the settings (if one is bad, the process ends with a sentence on standard error and exit
 * code 1) and logs to which servers it will connect. On SIGTERM or SIGINT, or if the supervisor that forked the process
 * is gone and no PID file names it, it calls the function that `main` returned.
 * @param name how log lines name the process
 * @param main starts the work and returns a function that finishes it
 */
export const runProcess = async (
  name: string,
  main: (config: Config, telling: Telling) => Promise<() => Promise<void>>,
): Promise<void> => {
  let finish: (() => Promise<void>) | undefined;
  let tell = (_signal: NodeJS.Signals) => {};
  ignoreUnusedSignals((signal) => tell(signal));
  try {
    const config = loadConfig(environment());
    const log = createLog(name, logSettings(config));
    tell = (signal) => logSignal(log, signal);
    // Standard error may be a file that was moved away long ago.
    if (config.logFile !== undefined)
      process.on('uncaughtExceptionMonitor', (err) => log.fatal({ err }, `${name} ends on an error`));
    log.info({ ...addresses(config), pid: process.pid, node: process.version }, `${name} starts`);

    let ending = false;
    const end = async (signal: string) => {
      if (ending) return;
      ending = true;
      tellSupervisorOfEnd();
      log.info(`${name} ends on ${signal}`);
      setTimeout(() => {
        log.error(`${name} did not finish in time`);
        process.exit(1);
      }, config.shutdownGraceMs + FAREWELL_MS).unref();
      await finish?.();
      log.info(`${name} has ended`);
      process.exit(0);
    };
    onEndSignals(end);
    const loseSupervisor = async () => {
      // Scripts find this process without a supervisor, and give it another one.
      if (config.pidFile === undefined || !isNamedIn(config.pidFile, process.pid)) await end('disconnect');
      else if (!ending) log.warn(`${name} has lost its supervisor: start_services.sh starts it with another`);
    };
    // The supervisor holds a channel to this process, and may have died before this listener was there.
    process.on('disconnect', loseSupervisor);
    if (process.connected === false) await loseSupervisor();
    finish = await main(config, { log, observer: logEvents(log) });
    tidyWhenQuiet();
  } catch (error) {
    console.error(error instanceof ConfigError ? error.message : error);
    process.exit(1);
  }
};
