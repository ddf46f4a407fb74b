/** How a process begins and ends: settings, log, signals, a bounded farewell. */
import { addresses, type Config, ConfigError, environment, loadConfig } from './config.ts';
import { createLog } from './log.ts';
import { logEvents } from './log-events.ts';
import type { Observer } from './observer.ts';
import { ignoreUnusedSignals, unusedSignal } from './signals.ts';

/** By default stop_services.sh waits 30 s before it kills; a farewell that takes longer is cut short just before. */
const FAREWELL_MS = 28_000;

/** How a process tells what happens in it. The log itself is for what is told before and after all else. */
export interface Telling {
  log: ReturnType<typeof createLog>;
  observer: Observer;
}

/**
 * Runs a process: reads the settings (a bad one ends it with its sentence on standard error and exit code 1),
 * says in the log what it will connect to, and on SIGTERM or SIGINT, or when the supervisor that forked it is gone,
 * calls what `main` returned.
 * @param name how log lines name the process
 * @param main starts the work and returns what finishes it
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
    const log = createLog(config.logLevel, name);
    tell = (signal) => log.warn(unusedSignal(signal));
    log.info({ ...addresses(config), pid: process.pid, node: process.version }, `${name} starts`);

    let ending = false;
    const end = async (signal: string) => {
      if (ending) return;
      ending = true;
      log.info(`${name} ends on ${signal}`);
      setTimeout(() => {
        log.error(`${name} did not finish in time`);
        process.exit(1);
      }, FAREWELL_MS).unref();
      await finish?.();
      log.info(`${name} has ended`);
      process.exit(0);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    // The supervisor holds a channel to this process, and may have died before this listener was there.
    process.on('disconnect', () => end('disconnect'));
    if (process.connected === false) await end('disconnect');
    finish = await main(config, { log, observer: logEvents(log) });
  } catch (error) {
    console.error(error instanceof ConfigError ? error.message : error);
    process.exit(1);
  }
};
