/** What the processes say of themselves to Prometheus, and that docs/OBSERVABILITY.md says the same of it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { clientProgram, skippedWithout, whenInstalled } from '../helpers/client-programs.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { createJob } from '../helpers/jobs.ts';
import { documentedMetrics, type Metrics, readMetrics } from '../helpers/metrics.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const PATIENCE_MS = 60_000;
const [port, ...ports] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
const at = { api: ports[0] ?? 0, consumer: ports[1] ?? 0, hub: ports[2] ?? 0 };
const env = await isolatedEnvironment({
  PORT: String(port),
  HOST: '127.0.0.1',
  API_WORKERS: '2',
  MAX_ATTEMPTS: '1',
});
const stores = await openStores(t, env);
const start = (program: keyof typeof at) =>
  startProcess(t, program, { ...env, METRICS_PORT: String(at[program]) });
const scrape = (program: keyof typeof at): Promise<Metrics> =>
  readMetrics(`http://127.0.0.1:${at[program]}/metrics`);

/** Waits until a process says so. */
const says = (program: keyof typeof at, name: string, labels: Record<string, string>, value: number) =>
  until(
    `${program} says ${name} ${JSON.stringify(labels)} ${value}`,
    async () => (await scrape(program).catch(() => undefined))?.value(name, labels) === value,
    PATIENCE_MS,
  );

const order = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
const call = async (method: string, path: string, body?: object) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    // Each on a connection of its own, so that both workers have some.
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

const api = start('api');
start('hub');
await until(
  'the API is ready',
  async () => (await call('GET', '/health/ready').catch(() => undefined))?.body.accepting === 'yes',
  PATIENCE_MS,
);
await says('api', 'orders_api_workers', { state: 'answering' }, 2);

t.test('while nobody takes jobs, the hub knows for how long the oldest one waits', async (t) => {
  await says('hub', 'orders_queue_jobs', { state: 'ready' }, 0);
  const version = (Date.now() - 3_600_000) * 1_000;
  await stores.publish({ ...createJob(), version });
  await says('hub', 'orders_queue_jobs', { state: 'ready' }, 1);
  await says('hub', 'orders_queue_consumers', {}, 0);
  const age = (await scrape('hub')).value('orders_oldest_job_age_seconds') ?? 0;
  t.ok(age >= 3_600 && age < 3_900, `${age}`);
});

t.test('what happens is counted, by all workers together', async (t) => {
  start('consumer');
  const created = await call('POST', '/orders', order);
  for (let i = 1; i < 10; i++) await call('POST', '/orders', order);
  await call('POST', '/orders', { ...order, items: [] });
  await call('GET', `/orders/${created.body.order_id}`);
  await call('GET', '/orders');
  await call('GET', '/nowhere');
  await call('PATCH', '/orders/0192f0c1-0000-7000-8000-000000000000/status', { status: 'shipped' });
  await says('consumer', 'orders_job_outcomes_total', { type: 'create_order', outcome: 'applied' }, 11);
  await says('consumer', 'orders_job_failures_total', { outcome: 'dead', reason: 'order_not_found' }, 1);
  await says('consumer', 'orders_unacknowledged_jobs', {}, 0);
  await says('hub', 'orders_queue_jobs', { state: 'dead' }, 1);
  await says('hub', 'orders_queue_consumers', {}, 1);
  await says('hub', 'orders_hub_leading', {}, 1);

  const told = await scrape('api');
  const posts = { method: 'POST', route: '/orders', status: '202' };
  t.equal(told.value('orders_http_request_duration_seconds_count', posts), 10);
  t.equal(told.value('orders_http_request_duration_seconds_bucket', { ...posts, le: '+Inf' }), 10);
  const missed = { method: 'GET', route: 'none', status: '404' };
  t.equal(told.value('orders_http_request_duration_seconds_count', missed), 1);
  t.equal(told.value('orders_requests_refused_total', { code: 'invalid_input' }), 1);
  t.equal(told.value('orders_writes_accepted_total', { type: 'create_order' }), 10);
  t.equal(told.value('orders_publish_confirm_seconds_count'), 11);
  t.equal(told.value('orders_cache_requests_total', { cache: 'pending', result: 'hit' }), 1);
  for (const backend of ['mysql', 'redis', 'rabbitmq'])
    t.equal(told.value('orders_backend_up', { backend }), 1, backend);
  const consumer = await scrape('consumer');
  t.equal(consumer.value('orders_job_latency_seconds_count'), 11);
  t.equal(consumer.value('orders_job_latency_seconds_bucket', { le: '1800' }), 10, 'one job was an hour old');
  t.equal(consumer.value('orders_oldest_job_age_seconds'), 0);
});

t.test('docs/OBSERVABILITY.md has each metric, with its type and labels, and no other', async (t) => {
  const listed = documentedMetrics().sort((a, b) => a.name.localeCompare(b.name));
  const programs = ['api', 'consumer', 'hub'] as const;
  const said = await Promise.all(programs.map(async (program) => ({ program, ...(await scrape(program)) })));
  const names = [...new Set(said.flatMap(({ types }) => [...types.keys()]))].sort((a, b) =>
    a.localeCompare(b),
  );
  const real = names.map((name) => {
    const by = said.filter(({ types }) => types.has(name));
    return {
      name,
      type: by[0]?.types.get(name),
      labels: [...new Set(by.flatMap((one) => one.labelsOf(name)))].sort(),
      by: by.length === programs.length ? 'all' : by.map(({ program }) => program).join(', '),
    };
  });
  t.strictSame(listed, real);
});

await whenInstalled();
t.test('promtool finds nothing wrong with any of it', { skip: skippedWithout('promtool') }, async (t) => {
  const promtool = (args: string[], input?: string) => {
    const { status, stdout, stderr } = spawnSync(clientProgram('promtool') ?? '', args, {
      cwd: join(import.meta.dirname, '../..'),
      encoding: 'utf8',
      input,
    });
    t.equal(status, 0, `promtool ${args.join(' ')}`, { stdout, stderr });
  };
  for (const program of ['api', 'consumer', 'hub'] as const)
    promtool(['check', 'metrics'], (await scrape(program)).text);
  promtool(['check', 'config', 'ops/observability/prometheus.yml']);
  promtool(['test', 'rules', 'test/ops/alerts.yml']);
});

t.test('a worker that is frozen or dies takes nothing with it', async (t) => {
  const accepted = async () =>
    (await scrape('api')).value('orders_writes_accepted_total', { type: 'create_order' });
  const before = await accepted();
  const children = readFileSync(`/proc/${api.child.pid}/task/${api.child.pid}/children`, 'utf8');
  const [worker] = children.trim().split(' ').map(Number);
  if (!worker) return t.fail('there is a worker');
  process.kill(worker, 'SIGSTOP');
  await says('api', 'orders_api_workers', { state: 'silent' }, 1);
  t.equal(await accepted(), before, 'it counts with what it said last');
  process.kill(worker, 'SIGKILL');
  await says('api', 'orders_api_worker_deaths_total', {}, 1);
  await says('api', 'orders_api_workers', { state: 'answering' }, 2);
  t.equal(await accepted(), before, 'what it had counted is not forgotten');
});
