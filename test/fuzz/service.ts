/** The service as it runs, from the build, for one fuzz test: real processes in a place of their own. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../ops/ports.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { type Running, startService } from '../helpers/processes.ts';
import { untilDeclared } from '../helpers/queues.ts';
import { openStores } from '../helpers/stores.ts';

export interface Place extends Teardown {
  testdir(): string;
}

/** More than the processes of the service ever need for what is sent here. */
const MAX_RSS_MIB = 400;
/** Of a process's log, for each thing that was sent, and once. */
const MAX_LOG_BYTES_EACH = 2_000;
const MAX_LOG_BYTES = 100_000;

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

const rssMib = (pid: number): number => {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1024);
};

/** Starts an API and a consumer, and waits until they serve. */
export const startFuzzedService = async (place: Place) => {
  const port = await freePort();
  const accessLogFile = join(place.testdir(), 'access.log');
  const env = await isolatedEnvironment({
    PORT: String(port),
    ACCESS_LOG_FILE: accessLogFile,
    ACCESS_LOG_FORMAT: 'json',
    // A job that cannot be applied is a dead letter after its second try.
    MAX_ATTEMPTS: '2',
    // A machine that is busy with other tests is no failure.
    PUBLISH_TIMEOUT: '20',
  });
  const stores = await openStores(place, env);
  const { api, consumers } = await startService(place, env);
  await untilDeclared(env);
  const url = `http://127.0.0.1:${port}`;
  // Until Redis has told since when it has the writes that wait, nobody knows that an order is not there.
  await until(
    'it is known which orders there are',
    async () => (await fetch(`${url}/orders/${randomUUID()}`)).status === 404,
    60_000,
  );
  const pids = (): number[] =>
    [api, ...consumers].flatMap(({ child: { pid = 0 } }) => [pid, ...childrenOf(pid)]);
  const pidsAtStart = pids();

  const problemsOf = (name: string, { output, child }: Running, sent: number): string[] => {
    const problems: string[] = [];
    const log = output();
    if (child.exitCode !== null || child.signalCode !== null)
      problems.push(`The ${name} ended with ${child.exitCode ?? child.signalCode}: ${log.slice(-2_000)}`);
    if (log.length > MAX_LOG_BYTES + sent * MAX_LOG_BYTES_EACH)
      problems.push(`The log of the ${name} has ${log.length} bytes after ${sent} of what was sent.`);
    return problems;
  };

  return {
    env,
    port,
    url,
    stores,
    accessLogFile,
    /** Whether all processes run that ran in the beginning. */
    isAlive: (): boolean => String(pids()) === String(pidsAtStart),

    /**
     * What is not as it was in the beginning: processes, their memory and logs, readiness.
     * @param sent how many requests or messages they have had
     */
    problems: async (sent: number): Promise<string[]> => {
      const problems = [
        ...problemsOf('API', api, sent),
        ...consumers.flatMap((consumer) => problemsOf('consumer', consumer, sent)),
      ];
      if (problems.length > 0) return problems;
      const now = pids();
      if (String(now) !== String(pidsAtStart)) problems.push('A worker of the API has died.');
      for (const pid of now) {
        const mib = rssMib(pid);
        if (mib > MAX_RSS_MIB) problems.push(`Process ${pid} holds ${mib} MiB.`);
      }
      // A server that is merely slow for a moment is none that was lost.
      let status = 'nothing';
      await until('it is ready', async () => {
        const ready = await fetch(`${url}/health/ready`);
        status = ((await ready.json()) as { status: string }).status;
        return status === 'ready';
      }).catch(() => problems.push(`The service says ${status} where it was ready.`));
      return problems;
    },

    /** The greatest of what its processes hold, in MiB. */
    rssMib: (): number => Math.max(...pids().map(rssMib)),
  };
};
export type Service = Awaited<ReturnType<typeof startFuzzedService>>;
