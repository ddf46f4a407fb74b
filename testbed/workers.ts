/** Which workers of a cluster serve, found out from outside: no program needs to tell it. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { workersOf } from '../ops/workers.ts';

/** Of TCP connections in /proc/net/tcp (proc_net_tcp in the kernel's documentation). */
const ESTABLISHED = '01';
/** More than one a worker, should one of them be slow to say that it takes another. */
const CONNECTIONS_PER_WORKER = 4;

/** The connections that clients have to a port, by the names that processes have for their ends of them. */
const connectionsTo = (port: number): Set<string> => {
  const [, ...lines] = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n');
  const found = lines.map((line) => line.trim().split(/\s+/));
  return new Set(
    found.flatMap(([, local = '', , state, , , , , , inode]) =>
      state === ESTABLISHED && Number.parseInt(local.split(':')[1] ?? '', 16) === port
        ? [`socket:[${inode}]`]
        : [],
    ),
  );
};

/** What a process has open, without what it closes meanwhile. */
const openFilesOf = (pid: number): string[] => {
  const folder = `/proc/${pid}/fd`;
  const read = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch {
      return undefined;
    }
  };
  return (read(() => readdirSync(folder)) ?? []).flatMap(
    (name) => read(() => readlinkSync(`${folder}/${name}`)) ?? [],
  );
};

/** @returns whether there was an answer, whatever it says */
const isAnswered = (url: string, agent: Agent): Promise<boolean> =>
  new Promise((resolve) => {
    get(`${url}/health/live`, { agent }, (response) => response.resume().on('end', () => resolve(true))).on(
      'error',
      () => resolve(false),
    );
  });

/**
 * Whether each of a primary's workers answers requests: over as many new connections as needed for each to get some.
 * @param url on 127.0.0.1, with its port
 * @param count how many workers there must be
 */
export const allWorkersServe = async (primary: number, url: string, count: number): Promise<boolean> => {
  const agent = new Agent({ keepAlive: true });
  try {
    const asked = Array.from({ length: CONNECTIONS_PER_WORKER * count }, () => isAnswered(url, agent));
    if ((await Promise.all(asked)).includes(false)) return false;
    const connections = connectionsTo(Number(new URL(url).port));
    const workers = await workersOf(primary);
    const serving = workers.filter((pid) => openFilesOf(pid).some((file) => connections.has(file)));
    return serving.length >= count;
  } finally {
    agent.destroy();
  }
};
