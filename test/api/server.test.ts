/** The API's processes: start, death of a worker, end. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { workersOf } from '../../ops/workers.ts';
import { until } from '../../testbed/until.ts';
import { allWorkersServe } from '../../testbed/workers.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';

const env = await isolatedEnvironment({ API_WORKERS: '2' });
const order = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };

const startApi = async (t: Parameters<typeof startProcess>[0], overrides: NodeJS.ProcessEnv = {}) => {
  const workers = Number(overrides.API_WORKERS ?? env.API_WORKERS);
  const port = await freePort();
  const api = startProcess(t, 'api', { ...env, PORT: String(port), ...overrides });
  const url = `http://127.0.0.1:${port}`;
  await until(
    'all workers serve',
    () => {
      if (api.child.exitCode !== null) throw new Error(api.output());
      return allWorkersServe(api.child.pid ?? 0, url, workers);
    },
    60_000,
  );
  return { ...api, url };
};
const post = (url: string) =>
  fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
  });
t.test('the log begins with what it reaches, without passwords', async (t) => {
  const api = await startApi(t, { API_THREADS: '8' });
  const lines = api
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.match(lines[0], {
    msg: 'api starts',
    mysql: `127.0.0.1:${env.DB_PORT}/${env.DB_NAME}`,
    redis: /^127\.0\.0\.1:\d+\/\d+$/,
    rabbitmq: `127.0.0.1:${env.RABBITMQ_PORT}/${env.RABBITMQ_QUEUE_NAME}`,
  });
  t.ok(lines.some(({ msg }) => msg === 'API_THREADS is set and has no meaning here'));
  for (const server of ['MySQL', 'Redis', 'RabbitMQ'])
    t.ok(
      lines.some(({ msg }) => msg === `${server} is reached`),
      server,
    );
  t.notMatch(api.output(), /sesame/);
});

t.test('a worker that dies is replaced, and its port is served meanwhile', async (t) => {
  const api = await startApi(t);
  const before = await workersOf(api.child.pid);
  t.equal(before.length, 2);
  const [victim] = before;
  process.kill(victim ?? 0, 'SIGKILL');
  await until('there are two again, one of them new', async () => {
    const now = await workersOf(api.child.pid);
    return now.length === 2 && !now.includes(victim ?? 0);
  });
  t.equal((await post(api.url)).status, 202);
});

t.test('a connection that a dead worker had not taken is served by another', async (t) => {
  const api = await startApi(t);
  const [victim = 0] = await workersOf(api.child.pid);
  process.kill(victim, 'SIGSTOP');
  let answered = 0;
  // Each on a connection of its own: they go to both workers in turn.
  const answers = Array.from({ length: 4 }, async () => {
    const { status } = await post(api.url);
    answered++;
    return status;
  });
  await until('the other worker has answered', () => answered > 0);
  process.kill(victim, 'SIGKILL');
  t.strictSame(await Promise.all(answers), [202, 202, 202, 202]);
});

t.test('a connection that the only worker had not taken is closed', async (t) => {
  const api = await startApi(t, { API_WORKERS: '1' });
  const [victim = 0] = await workersOf(api.child.pid);
  process.kill(victim, 'SIGSTOP');
  const openFiles = () => readdirSync(`/proc/${api.child.pid}/fd`).length;
  const before = openFiles();
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await until('the primary has accepted it', () => openFiles() > before);
  process.kill(victim, 'SIGKILL');
  await closed;
});

t.test('SIGTERM: requests in flight are answered, then all processes are gone', async (t) => {
  const api = await startApi(t);
  const workers = await workersOf(api.child.pid);
  let stop = false;
  const statuses: number[] = [];
  const client = async () => {
    while (!stop) {
      const response = await post(api.url).catch(() => undefined);
      // A connection that is refused has carried no request.
      if (!response) return;
      statuses.push(response.status);
      await response.arrayBuffer();
    }
  };
  const clients = Array.from({ length: 8 }, client);
  await until('load flows', () => statuses.length > 100);
  t.equal(await api.end('SIGTERM'), 0);
  stop = true;
  await Promise.all(clients);
  t.strictSame([...new Set(statuses)], [202]);
  for (const pid of workers) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

t.test('SHUTDOWN_GRACE: readiness turns first, and connections are taken for so long', async (t) => {
  const api = await startApi(t, { SHUTDOWN_GRACE: '3' });
  /** A request on a connection of its own. */
  const ask = (path: string) => fetch(`${api.url}${path}`, { headers: { connection: 'close' } });
  t.equal((await ask('/health/ready')).status, 200);
  const asked = performance.now();
  const ended = api.end('SIGTERM');
  await until('both workers say that they end', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask('/health/ready')));
    return answers.every(({ status }) => status === 503);
  });
  t.match(await (await ask('/health/ready')).json(), { status: 'ending', accepting: 'yes', reading: 'yes' });
  const during: number[] = [];
  while (performance.now() - asked < 2_500) {
    during.push((await post(api.url)).status);
    during.push((await ask('/orders?limit=1')).status);
  }
  t.strictSame([...new Set(during)].sort(), [200, 202]);
  t.equal(await ended, 0);
  t.ok(performance.now() - asked >= 3_000);
});

t.test('requests are in the access log when the process has ended', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const api = await startApi(t, { ACCESS_LOG_FILE: file, ACCESS_LOG_FORMAT: '%(m)s %(U)s %(s)s' });
  await post(api.url);
  await api.end();
  t.match(await readFile(file, 'utf8'), /^POST \/orders 202$/m);
});

t.test('what keeps it from starting is said in one sentence', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const address = taken.address();
  const port = String(typeof address === 'object' ? address?.port : '');
  for (const [override, sentence] of [
    [{ PORT: 'eighty' }, 'PORT must be a port from 1 to 65535, got "eighty".'],
    [{ ACCESS_LOG_FORMAT: '%(nonsense)s' }, /^ACCESS_LOG_FORMAT .*nonsense/m],
    [{ PORT: port }, `PORT ${port} on 127.0.0.1 is in use by another program: stop it, or set another PORT.`],
  ] as const) {
    const api = startProcess(t, 'api', { ...env, ...override });
    t.equal(await api.end('SIGCONT'), 1);
    t.match(api.output(), sentence);
  }
});
