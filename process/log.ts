/** The log of every process. */
import { pino } from 'pino';
import { textLine } from './log-text.ts';
import { openOutput } from './output.ts';

/** Makes the member of a line that says the time; its text is made at most once a millisecond. */
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

/** Whether an error is of a database's driver: its message holds a statement, and so what customers wrote. */
const holdsStatement = (error: Error): boolean =>
  'sql' in error || 'query' in error || (error.cause instanceof Error && holdsStatement(error.cause));

/**
 * What a line says of an error: its type, code, message and stack, and no other properties that libraries add to it.
 */
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

export interface LogSettings {
  level: string;
  /** Without it, JSON, and on a terminal text with colours. */
  format?: 'json' | 'text' | undefined;
}

/**
 * Makes a log that writes lines to standard output, which start_services.sh sends to the process's log file.
 * @param name how lines name the process
 */
export const createLog = (level: LogSettings['level'], name: string, format?: LogSettings['format']) => {
  const output = openOutput();
  const isPretty = format === undefined && process.stdout.isTTY;
  // https://no-color.org
  const coloured = isPretty && !process.env.NO_COLOR;
  const text = { write: (line: string) => output.write(textLine(line, coloured)) };
  return pino(
    { level, base: { process: name }, timestamp: clock(), serializers: { err: loggedError } },
    isPretty || format === 'text' ? text : output,
  );
};
export type Log = Pick<ReturnType<typeof createLog>, 'debug' | 'info' | 'warn' | 'error'>;
