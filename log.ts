/** What every process logs with. */
import { pino } from 'pino';

/** The member of a line that says when, made once a millisecond. */
const clock = () => {
  let last = Number.NaN;
  let text = '';
  return (): string => {
    const now = Date.now();
    if (now !== last) {
      last = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
};

/**
 * Lines of JSON on standard output, which start_services.sh sends to the process's log file. Nobody waits for them to
 * be written; those of one moment are written together, and the last ones when the process exits.
 */
export const createLog = (level: string, process: string) =>
  pino({ level, base: { process }, timestamp: clock() }, pino.destination({ dest: 1, sync: false }));
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
