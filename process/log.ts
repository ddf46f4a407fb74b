/** The log of every process. */
import { pino } from 'pino';
import type { Config } from './config.ts';
import { keepSmall, openLogFile, type Rotation } from './log-file.ts';
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
  /** Without it, standard output. */
  file?: string | undefined;
  rotation?: Rotation | undefined;
}

/** What of the settings the log needs. */
export const logSettings = ({ logLevel, logFormat, logFile, rotation }: Config): LogSettings => ({
  level: logLevel,
  format: logFormat,
  file: logFile,
  rotation,
});

/**
 * Makes a log.
 * @param name how lines name the process
 * @param settings a process that was forked leaves the rotation to the one that has forked it
 * @throws ConfigError if the file cannot be written
 */
export const createLog = (name: string, { level, format, file, rotation }: LogSettings) => {
  const output = openOutput(file === undefined ? undefined : openLogFile(file));
  const isPretty = format === undefined && file === undefined && process.stdout.isTTY;
  // https://no-color.org
  const coloured = isPretty && !process.env.NO_COLOR;
  const text = { write: (line: string) => output.write(textLine(line, coloured)) };
  const log = pino(
    { level, base: { process: name }, timestamp: clock(), serializers: { err: loggedError } },
    isPretty || format === 'text' ? text : output,
  );
  if (file !== undefined && rotation && !process.send)
    keepSmall(file, rotation, (sentence) => log.warn(sentence));
  return log;
};
type Logger = ReturnType<typeof createLog>;
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> & Partial<Pick<Logger, 'isLevelEnabled'>>;
