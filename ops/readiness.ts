/** Finds out when a service that is starting can be used, or why it cannot be started. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { type Config, urlOf } from '../process/config.ts';
import { lastLines, logSince, waitFor } from './processes.ts';
import { API, type ServiceProcess } from './service.ts';

/** A process that was started. */
export interface Watched extends ServiceProcess {
  /** How many bytes its log had before it started. */
  logStart: number;
  /** Whether it has ended, and is not started again. */
  isOver: () => boolean;
}

const logOf = ({ logFile, logStart }: Watched): string => logSince(logFile, logStart);

const failure = (started: Watched, what: string): Error =>
  new Error(
    `Orders did not start: ${started.name} ${what}. The end of ${started.logFile}:\n${lastLines(logOf(started))}`,
  );

/** Says in one sentence why nothing can listen on the API's port; undefined if the port is free. */
const whyPortIsUnusable = async ({ host, port }: Config['api']): Promise<string | undefined> => {
  const server = createServer();
  try {
    await once(server.listen(port, host), 'listening');
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'EADDRINUSE'
      ? `PORT ${port} on ${host} is in use by another program: stop it, or set another PORT.`
      : `The API cannot listen on PORT ${port} of HOST ${host}: ${message}.`;
  } finally {
    server.close();
  }
};

/** Makes sure that the API can listen on its port. @throws Error with one sentence if it cannot */
export const requireFreePort = async (api: Config['api']): Promise<void> => {
  // The workers of an API that was killed hold it for another moment.
  const isFree = async () => ((await whyPortIsUnusable(api)) ? undefined : true);
  if (await waitFor(isFree, 2000)) return;
  const reason = await whyPortIsUnusable(api);
  if (reason) throw new Error(reason);
};

/** Whether the API accepts writes and reads. One of an earlier release that still runs says so by its status alone. */
const answersReady = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(3000) });
    const { accepting = 'yes', reading = 'yes' } = (await response.json()) as Record<string, unknown>;
    return response.status === 200 && accepting === 'yes' && reading === 'yes';
  } catch {
    return false;
  }
};

/**
 * Waits until the API is ready and every new process has begun its work.
 * @param started the new processes
 * @param signal ends the wait
 * @throws Error with the end of the log of a process that ends or is not ready within `timeoutMs` milliseconds
 */
export const waitUntilReady = async (
  config: Config,
  started: Watched[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> => {
  const url = urlOf(config.api);
  const unready = () => started.find(({ readyFile }) => readyFile && !existsSync(readyFile));
  const isReady = await waitFor(async () => {
    signal.throwIfAborted();
    const dead = started.find((one) => one.isOver());
    if (dead) throw failure(dead, 'ended at once');
    return !unready() && (await answersReady(url)) ? true : undefined;
  }, timeoutMs);
  if (isReady) return;
  const late = unready() ?? started.find(({ name }) => name === API);
  const what = `was not ready within ${timeoutMs / 1000} s`;
  throw late
    ? failure(late, what)
    : new Error(`Orders did not start: the API at ${url} ${what}, see server.log.`);
};
