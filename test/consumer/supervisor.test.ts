/** The supervisor of a consumer: death of the consumer, its own death, end. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { commandLine } from '../../ops/processes.ts';
import { workersOf } from '../../ops/workers.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { type Running, startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const env = await isolatedEnvironment();
const consuming = '"msg":"consuming"';

const isGone = (pid: number) => commandLine(pid) === '';
const kill = (pid: number) => isGone(pid) || process.kill(pid, 'SIGKILL');
/** The consumer that a supervisor has at the moment, which is killed when the test ends. */
const consumerOf = async (t: Teardown, { child }: Running) => {
  const consumer = await until('there is a consumer', async () => (await workersOf(child.pid))[0]);
  t.teardown(() => kill(consumer));
  return consumer;
};
const deathsIn = ({ output }: Running): Record<string, unknown>[] =>
  output()
    .split('\n')
    .filter((line) => line.includes('"process":"supervisor 1"') && line.endsWith('}'))
    .map((line) => JSON.parse(line));

t.test('a consumer that is killed is followed by another, which applies jobs', async (t) => {
  const stores = await openStores(t, env);
  const supervisor = startProcess(t, 'supervisor', env);
  await supervisor.says(consuming);
  const victim = await consumerOf(t, supervisor);
  kill(victim);
  await until('another one consumes', () => supervisor.output().split(consuming).length === 3);
  t.not(await consumerOf(t, supervisor), victim);
  t.match(deathsIn(supervisor), [
    { level: 40, consumer_pid: victim, code: null, signal: 'SIGKILL', delay_ms: 0 },
  ]);

  const order_id = randomUUID();
  const order = { order_id, customer_name: 'Ada', status: 'received', items: [{ name: 'Tea', quantity: 1 }] };
  await stores.publish({ job_id: randomUUID(), type: 'create_order', payload: order });
  await until('its job is applied', () => stores.order(order_id));
});

t.test('where no consumer can be started, it is tried again', async (t) => {
  const supervisor = startProcess(t, 'supervisor', env);
  await supervisor.says(consuming);
  const victim = await consumerOf(t, supervisor);
  const limitFiles = (most: number) =>
    execFileSync('prlimit', [`--pid=${supervisor.child.pid}`, `--nofile=${most}:4096`]);
  limitFiles(3);
  kill(victim);
  await until('it could not be', () => deathsIn(supervisor).some(({ err }) => err !== undefined));
  limitFiles(1024);
  await until('another one consumes', () => supervisor.output().split(consuming).length === 3);
  await consumerOf(t, supervisor);
});

t.test('a bad setting is one sentence and the exit code 1', async (t) => {
  const supervisor = startProcess(t, 'supervisor', { ...env, MAX_ATTEMPTS: 'many' });
  t.equal(await supervisor.end('SIGCONT'), 1);
  t.equal(supervisor.output(), 'MAX_ATTEMPTS must be an integer from 1 to 100, got "many".\n');
});

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  t.test(`${signal} ends the consumer, then the supervisor`, async (t) => {
    const supervisor = startProcess(t, 'supervisor', env);
    await supervisor.says(consuming);
    const consumer = await consumerOf(t, supervisor);
    t.equal(await supervisor.end(signal), 0);
    t.ok(isGone(consumer));
    t.match(supervisor.output(), `consumer 1 ends on ${signal}`);
    t.match(supervisor.output(), 'consumer 1 has ended');
    t.strictSame(deathsIn(supervisor), []);
  });

t.test('SIGTERM between two consumers starts none', async (t) => {
  const supervisor = startProcess(t, 'supervisor', env);
  await supervisor.says(consuming);
  await until('it waits for two seconds', async () => {
    for (const consumer of await workersOf(supervisor.child.pid)) kill(consumer);
    return deathsIn(supervisor).at(-1)?.delay_ms === 2_000;
  });
  const before = supervisor.output();
  t.equal(await supervisor.end('SIGTERM'), 0);
  t.equal(supervisor.output(), before);
});

t.test('a supervisor that is killed takes its consumer along', async (t) => {
  for (const consumes of [true, false]) {
    const supervisor = startProcess(t, 'supervisor', env);
    if (consumes) await supervisor.says(consuming);
    const consumer = await consumerOf(t, supervisor);
    t.equal(await supervisor.end('SIGKILL'), 'SIGKILL');
    await until('the consumer is gone', () => isGone(consumer));
    // The last lines of a process arrive after it has ended.
    await until('it has said why', () => supervisor.output().includes('consumer 1 has ended'));
    t.match(supervisor.output(), 'consumer 1 ends on disconnect');
  }
});
