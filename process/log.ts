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
