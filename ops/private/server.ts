/** Starting and stopping private servers. Each has a folder with its PID file, its log and its data. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Backend, findProgram } from '../packages.ts';
import { whoAnswers } from '../ports.ts';
import {
  lastLines,
  logSince,
  logSize,
  runningPid,
  type Start,
  type Stopped,
  startDetached,
  stopProcess,
  waitFor,
} from '../processes.ts';

export interface ServerPlace {
  /** An absolute path. */
  folder: string;
  /** It listens on 127.0.0.1 only. */
  port: number;
}

const startTimeoutMs = 120_000;
const stopTimeoutMs = 30_000;

/** How a process of a folder is found again: by its PID file, and by a path in its folder on its command line. */
export const tracked = (folder: string, name = 'server') => ({
  pidFile: join(folder, `${name}.pid`),
  marker: `${folder}/`,
});

/** Makes a folder that only its user can read: it holds passwords and data. */
export const makePrivate = (folder: string): void => {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
};

/** The path of the first of these programs that is installed. @throws Error if none is */
export const requireProgram = (...names: string[]): string => {
  const program = findProgram(...names);
  if (!program) throw new Error(`${names.join(' or ')} is not installed.`);
  return program;
};

/** Which server it is, and where. */
export type ServerAt = ServerPlace & { backend: Backend };

/** Waits up to two minutes until the process with this PID answers its clients, or is gone. */
const settled = ({ backend, folder, port }: ServerAt, pid: number) =>
  waitFor(async () => {
    if (runningPid(tracked(folder)) !== pid) return 'ended';
    return (await whoAnswers('127.0.0.1', port, backend)) === 'right' ? 'answers' : undefined;
  }, startTimeoutMs);

/**
 * Looks for the server of a folder. If the server is just being killed, it waits until it is gone.
 * @returns its PID, or undefined if there is none
 * @throws Error if it runs but does not answer
 */
export const runningServer = async (server: ServerAt): Promise<{ pid: number } | undefined> => {
  const pid = runningPid(tracked(server.folder));
  if (pid === undefined) return undefined;
  const outcome = await settled(server, pid);
  if (outcome === 'ended') return undefined;
  if (outcome === 'answers') return { pid };
  throw new Error(
    `The private ${server.backend} server (process ${pid}) does not answer on port ${server.port}: stop it first.`,
  );
};

/**
 * Starts a server and waits until it answers a client.
 * @returns the PID of the server itself
 * @throws Error with the last lines of its log if it ends, or does not answer within two minutes, after which it is stopped
 */
export const startServer = async (
  start: ServerAt & Pick<Start, 'command' | 'args' | 'env'>,
): Promise<{ pid: number }> => {
  const { backend, folder } = start;
  const logFile = join(folder, 'server.log');
  const logStart = logSize(logFile);
  const pid = await startDetached({ ...start, ...tracked(folder), logFile, cwd: folder });
  const outcome = await settled(start, pid);
  if (outcome === 'answers') return { pid };
  await stopServer(folder);
  const what = outcome === 'ended' ? 'ended at once' : `did not answer within ${startTimeoutMs / 1000} s`;
  throw new Error(
    `The private ${backend} server ${what}. The end of ${logFile}:\n${lastLines(logSince(logFile, logStart))}`,
  );
};

/**
 * Stops the private server of a folder, and what was started along with it. The data stays.
 * @returns whether it ended by itself after SIGTERM, or had to be killed after 30 s
 */
export const stopServer = async (folder: string): Promise<Stopped> => {
  const stopped = await stopProcess(tracked(folder), stopTimeoutMs);
  await stopProcess(tracked(folder, 'epmd'), stopTimeoutMs);
  return stopped;
};
