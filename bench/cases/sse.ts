/** Measures what clients cost that listen to server-sent events and hear nothing but heartbeats. */
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

const request = 'GET /events HTTP/1.1\r\nHost: orders\r\nAccept: text/event-stream\r\n\r\n';

/** Opens a stream, and waits until it has begun. */
const openReader = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(request);
  const [bytes] = await once(socket, 'data');
  if (!String(bytes).startsWith('HTTP/1.1 200')) throw new Error(`A stream began with ${bytes}.`);
  socket.on('error', () => {});
  return socket.resume();
};

const openReaders = async (port: number, number: number): Promise<Socket[]> => {
  const sockets: Socket[] = [];
  while (sockets.length < number) {
    const some = Math.min(AT_ONCE, number - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: some }, () => openReader(port)))));
  }
  return sockets;
};

export const sse: Case<Context> = {
  name: 'sse',
  onRequest: true,
  measure: async ({ system, sizes }) => {
    const { use, close } = closing();
    try {
      const heap = fileURLToPath(new URL('../../testbed/heap.mjs', import.meta.url));
      const env = await system.place('sse', { API_WORKERS: '2', NODE_OPTIONS: `--import=${heap}` });
      const api = use(await startApi(system.folder, 'sse api', env), (started) => started.stop());
      const port = Number(new URL(api.url).port);
      const workers = await workersOf(api.pid);
      const sum = async (measure: (pid: number) => number | Promise<number>) =>
        (await Promise.all(workers.map(measure))).reduce((all, one) => all + one, 0);
      const kept = () => sum((pid) => retainedMb(pid, system.folder));

      for (const socket of await openReaders(port, WARM_UP)) socket.destroy();
      await sleep(sizes.restMs);
      const before = { kept: await kept(), resident: await sum(residentMb) };
      const readers = use(await openReaders(port, sizes.readers), async (sockets) => {
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
      const rows: Row[] = [
        {
          name: 'sse',
          title: `memory for each of ${many} idle readers of events, two API workers`,
          unit: 'KiB',
          ours: kib(after.resident - before.resident),
          target: { most: MOST_KIB },
          note: `Kept after garbage collection: ${kib(after.kept - before.kept).toFixed(1)} KiB. Their heartbeats take ${percent.toFixed(1)} % of a core.`,
        },
      ];
      return { rows };
    } finally {
      await close();
    }
  },
};
