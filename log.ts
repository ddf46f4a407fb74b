/** What every process logs with. */
import { pino } from 'pino';

/** Lines of JSON on standard output, which start_services.sh sends to the process's log file. */
export const createLog = (level: string, process: string) =>
  pino({ level, base: { process }, timestamp: pino.stdTimeFunctions.isoTime });
export type Log = Pick<ReturnType<typeof createLog>, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * Says in the log when a server is reached for the first time, lost, and back: once a change, however often it
 * is reported.
 * @param server how the log names it
 */
export const reachability = (log: Log, server: string) => {
  let reached: boolean | undefined;
  return {
    up: () => {
      if (reached !== true) log.info(reached === undefined ? `${server} is reached` : `${server} is back`);
      reached = true;
    },
    down: (error: unknown) => {
      const reason = error instanceof Error ? error.message || error.name : String(error);
      if (reached !== false)
        log.warn({ reason }, reached ? `${server} is lost` : `${server} is not reached yet`);
      reached = false;
    },
  };
};
