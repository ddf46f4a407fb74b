/** READY_FILE, by which scripts and probes see that a consumer gets jobs, or that all workers of an API listen. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { workersOf } from '../../ops/workers.ts';
import { until } from '../../testbed/until.ts';
import { allWorkersServe } from '../../testbed/workers.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startProcess } from '../helpers/processes.ts';

/** Not a test's own: processes work there, and it is emptied for each. */
const folder = t.testdir({ stale: '4711\n', taken: {} });

t.test('the file is there while the consumer is, whatever it logs', async (t) => {
  const file = join(t.testdir(), 'ready');
  const env = await isolatedEnvironment({ LOG_LEVEL: 'error', READY_FILE: file });
  const consumer = startProcess(t, 'consumer', env);
  await until('it is ready', () => existsSync(file));
  t.equal(readFileSync(file, 'utf8'), `${consumer.child.pid}\n`);
  t.equal(await consumer.end(), 0);
  t.notOk(existsSync(file));
  t.equal(consumer.output(), '');
});

t.test('an API writes it when all its workers listen', async (t) => {
  const file = join(t.testdir(), 'ready');
  const port = await freePort();
  const env = await isolatedEnvironment({ PORT: `${port}`, API_WORKERS: '2', READY_FILE: file });
  const api = startProcess(t, 'api', env);
  await until('it is ready', () => existsSync(file), 60_000);
  t.equal(readFileSync(file, 'utf8'), `${api.child.pid}\n`);
  t.equal((await workersOf(api.child.pid)).length, 2);
  t.ok(await allWorkersServe(api.child.pid ?? 0, `http://127.0.0.1:${port}`, 2));
  t.equal(await api.end(), 0);
  t.notOk(existsSync(file));
});

t.test('what a consumer that was killed has left there is gone before the next one is ready', async (t) => {
  const file = join(folder, 'stale');
  t.ok(existsSync(file));
  // Nothing listens: it never becomes ready.
  const env = await isolatedEnvironment({ READY_FILE: file, RABBITMQ_PORT: String(await freePort()) });
  startProcess(t, 'consumer', env);
  await until('the file is gone', () => !existsSync(file));
});

t.test('a file that cannot be written is refused in one sentence', async (t) => {
  for (const file of [join(folder, 'taken'), join(folder, 'nowhere/ready')]) {
    const consumer = startProcess(t, 'consumer', await isolatedEnvironment({ READY_FILE: file }));
    await until('it has ended', () => consumer.child.exitCode !== null);
    t.equal(consumer.child.exitCode, 1);
    t.match(consumer.output(), `READY_FILE must be a file that can be written, got ${file} (`);
  }
});
