/** Servers that can be killed, frozen and started again with their data. */
import { freePort } from '../../../ops/ports.ts';
import { tracked } from '../../../ops/private/server.ts';
import { account, startRabbitmq, stopServer } from '../../../ops/private-servers.ts';
import { runningPid } from '../../../ops/processes.ts';
import { until } from '../../../testbed/until.ts';

export type ServerName = 'mysql' | 'redis' | 'rabbitmq';

/**
 * @param start starts it, or finds it running
 * @param folder where it works
 */
export const createServer = (start: () => Promise<{ pid: number }>, folder: string) => {
  let pid = 0;
  const signal = (name: NodeJS.Signals) => process.kill(pid, name);
  return {
    start: async () => {
      pid = (await start()).pid;
    },
    /** SIGKILL, and waits until the process is gone. */
    kill: async () => {
      signal('SIGKILL');
      await stopServer(folder);
    },
    /** Waits until it is gone, whoever has killed it. */
    gone: () => until('the server is gone', () => runningPid(tracked(folder)) === undefined),
    /** SIGTERM, and waits for it. */
    stop: () => stopServer(folder),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
};
export type Server = ReturnType<typeof createServer>;

/**
 * A RabbitMQ for one scenario after the other: its start costs as much CPU as all else that a world starts.
 * @param folder must be guarded
 */
export const createBroker = async (folder: string) => {
  const port = await freePort();
  return { ...createServer(() => startRabbitmq({ folder, port, ...account }), folder), folder, port };
};
export type Broker = Awaited<ReturnType<typeof createBroker>>;
