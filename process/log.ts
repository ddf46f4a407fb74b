/** What every process logs with. */
import { write, writeSync } from 'node:fs';
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

const STDOUT = 1;
/** Of lines that cannot be written yet; what comes beyond is lost. */
const MAX_WAITING = 8 * 2 ** 20;
const BUSY_PAUSE_MS = 100;

/**
 * Standard output for lines that nobody waits for: those of one moment are written together, and the last ones when the
 * process exits. A full disk or a reader that has gone costs lines, not the process (pino's own destination, sonic-boom
 * 4, then tries for ever when the process is to exit).
 */
const openOutput = () => {
  let waiting = '';
  let scheduled = false;

  const writeOut = (bytes: Buffer) => {
    write(STDOUT, bytes, (error, written) => {
      const rest = bytes.subarray(written);
      if (error?.code === 'EAGAIN') setTimeout(writeOut, BUSY_PAUSE_MS, bytes);
      else if (!error && rest.length > 0) writeOut(rest);
      else flush();
    });
  };
  const flush = () => {
    scheduled = waiting !== '';
    if (!scheduled) return;
    writeOut(Buffer.from(waiting));
    waiting = '';
  };
  const flushAtExit = () => {
    try {
      writeSync(STDOUT, waiting);
    } catch {
      // There is nobody left to tell.
    }
  };
  let written = false;
  return {
    write: (line: string): void => {
      if (!written) process.on('exit', flushAtExit);
      written = true;
      if (waiting.length < MAX_WAITING) waiting += line;
      if (!scheduled) setImmediate(flush);
      scheduled = true;
    },
  };
};

/** Whether it is of a database's driver: its words hold a statement, and so what customers wrote. */
const holdsStatement = (error: Error): boolean =>
  'sql' in error || 'query' in error || (error.cause instanceof Error && holdsStatement(error.cause));

/** What a line says of an error: where it came from, and none of what others hang on it but its code. */
export const loggedError = (error: unknown) => {
  if (!(error instanceof Error)) return error;
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return {
    type: error.constructor.name,
    code: 'code' in error ? error.code : undefined,
    message: holdsStatement(error) ? undefined : error.message,
    stack: frames.join('\n'),
  };
};

/** Lines of JSON on standard output, which start_services.sh sends to the process's log file. */
export const createLog = (level: string, name: string) =>
  pino(
    { level, base: { process: name }, timestamp: clock(), serializers: { err: loggedError } },
    openOutput(),
  );
export type Log = Pick<ReturnType<typeof createLog>, 'debug' | 'info' | 'warn' | 'error'>;

/** How many reasons of one outage are said: what a server answers may differ each time. */
const MAX_REASONS = 10;

/**
 * Says in the log when a server is reached for the first time, lost, and back, and each reason that keeps it away:
 * once, however often it is reported.
 * @param server how the log names it
 */
export const reachability = (log: Log, server: string) => {
  let reached: boolean | undefined;
  const reasons = new Set<string>();
  return {
    up: () => {
      if (reached !== true) log.info(reached === undefined ? `${server} is reached` : `${server} is back`);
      reached = true;
      reasons.clear();
    },
    down: (error: unknown) => {
      const reason = error instanceof Error ? error.message || error.name : String(error);
      const isNew = !reasons.has(reason) && reasons.size < MAX_REASONS;
      if (reached !== false)
        log.warn({ reason }, reached ? `${server} is lost` : `${server} is not reached yet`);
      else if (isNew) log.warn({ reason }, `${server} is still not reached`);
      if (isNew) reasons.add(reason);
      reached = false;
    },
  };
};
