/** The log of every process. */
import { pino } from 'pino';
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

/**
 * Makes a log that writes lines of JSON to standard output, which start_services.sh sends to the process's log file.
 * @param name how lines name the process
 */
export const createLog = (level: string, name: string) =>
  pino(
    { level, base: { process: name }, timestamp: clock(), serializers: { err: loggedError } },
    openOutput(),
  );
export type Log = Pick<ReturnType<typeof createLog>, 'debug' | 'info' | 'warn' | 'error'>;
