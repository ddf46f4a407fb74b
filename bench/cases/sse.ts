/** Measures what clients cost that listen to server-sent events and hear nothing but heartbeats. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { workersOf } from '../../ops/workers.ts';
import { cpuSeconds, residentMb, retainedMb } from '../processes.ts';
import { startApi } from '../programs.ts';
import type { Row } from '../report/results.ts';
import { type Case, type Context, closing } from './case.ts';

const AT_ONCE = 100;
const MOST_KIB = 15;
/** Clients that come and go before, so that the code is there. */
const WARM_UP = 200;

/** As many orders are made with one request. */
const BATCH = 1_000;
const ORDER = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 2 }] };

/** Makes jobs that nobody applies. @returns their ids */
const makeJobs = async (url: string, number: number): Promise<string[]> => {
  const made: string[] = [];
  while (made.length < number) {
    const body = JSON.stringify(Array(Math.min(BATCH, number - made.length)).fill(ORDER));
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/orders/batch`, { method: 'POST', headers, body });
    if (answer.status !== 202) throw new Error(`A batch was answered with ${answer.status}.`);
    const { results } = (await answer.json()) as { results: { job_id: string }[] };
    made.push(...results.map(({ job_id }) => job_id));
  }
  return made;
};

/** What clients listen to: all the same, or each to an order or a job of its own, which waits. */
const subjects: {
  name: string;
  what: string;
  paths: (number: number, jobs: () => Promise<string[]>) => Promise<string[]>;
}[] = [
  { name: 'sse', what: 'events', paths: async (number) => Array(number).fill('/events') },
  {
    name: 'sse-orders',
    what: 'an order each',
    paths: async (number) => Array.from({ length: number }, () => `/orders/${randomUUID()}/events`),
  },
  {
    name: 'sse-jobs',
    what: 'a job each',
    paths: async (_number, jobs) => (await jobs()).map((id) => `/jobs/${id}/events`),
  },
];

/** Opens a stream, and waits until it has begun. */
const openReader = async (port: number, path: string): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: orders\r\nAccept: text/event-stream\r\n\r\n`);
  const [bytes] = await once(socket, 'data');
  if (!String(bytes).startsWith('HTTP/1.1 200')) throw new Error(`A stream began with ${bytes}.`);
  socket.on('error', () => {});
  return socket.resume();
};

const openReaders = async (port: number, paths: string[]): Promise<Socket[]> => {
  const sockets: Socket[] = [];
  while (sockets.length < paths.length) {
    const some = paths.slice(sockets.length, sockets.length + AT_ONCE);
    sockets.push(...(await Promise.all(some.map((path) => openReader(port, path)))));
  }
  return sockets;
};

const measure = async (
  { system, sizes }: Context,
  { name, what, paths: pathsFor }: (typeof subjects)[number],
): Promise<Row> => {
  const { use, close } = closing();
  try {
    const heap = fileURLToPath(new URL('../../testbed/heap.mjs', import.meta.url));
    const env = await system.place('sse', { API_WORKERS: '2', NODE_OPTIONS: `--import=${heap}` });
    // By a process that is not measured, as what it takes for that stays with it.
    const jobs = async () => {
      const maker = await startApi(system.folder, `${name} maker`, env);
      return makeJobs(maker.url, sizes.readers).finally(() => maker.stop());
    };
    const paths = await pathsFor(sizes.readers, jobs);
    const api = use(await startApi(system.folder, `${name} api`, env), (started) => started.stop());
    const port = Number(new URL(api.url).port);
    const workers = await workersOf(api.pid);
    const sum = async (one: (pid: number) => number | Promise<number>) =>
      (await Promise.all(workers.map(one))).reduce((all, more) => all + more, 0);
    const kept = () => sum((pid) => retainedMb(pid, system.folder));

    for (const socket of await openReaders(port, paths.slice(0, WARM_UP))) socket.destroy();
    await sleep(sizes.restMs);
    const before = { kept: await kept(), resident: await sum(residentMb) };
    const readers = use(await openReaders(port, paths), async (sockets) => {
      for (const socket of sockets) socket.destroy();
    });
    const after = { kept: await kept(), resident: await sum(residentMb) };
    const cpu = cpuSeconds(workers);
    await sleep(sizes.idleMs);
    const used = cpuSeconds(workers) - cpu;
    if (readers.some(({ destroyed }) => destroyed)) throw new Error('A stream was cut off.');

    const kib = (mb: number) => (mb * 1e6) / 1_024 / sizes.readers;
    const percent = (100 * used) / (sizes.idleMs / 1_000);
    const many = sizes.readers.toLocaleString('en');
    return {
      name,
      title: `memory for each of ${many} idle readers of ${what}, two API workers`,
      unit: 'KiB',
      ours: kib(after.resident - before.resident),
      target: { most: MOST_KIB },
      note: `Kept after garbage collection: ${kib(after.kept - before.kept).toFixed(1)} KiB. Their heartbeats take ${percent.toFixed(1)} % of a core.`,
    };
  } finally {
    await close();
  }
};

export const sse: Case<Context> = {
  name: 'sse',
  onRequest: true,
  measure: async (context) => {
    const rows: Row[] = [];
    for (const subject of subjects) rows.push(await measure(context, subject));
    return { rows };
  },
};
