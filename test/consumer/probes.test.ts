/** METRICS_PORT: what consumers and hubs answer to probes. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { createJob } from '../helpers/jobs.ts';
import { startProcess } from '../helpers/processes.ts';
import { openStores } from '../helpers/stores.ts';

const PATIENCE_MS = 60_000;
const nowhere = String(await freePort());
const ok = { ok: true };
const away = { ok: false };

/** Starts a process with an endpoint. @returns it, and how to ask it; nothing while it does not answer */
const start = async (
  t: Parameters<typeof startProcess>[0],
  program: 'consumer' | 'hub',
  env: NodeJS.ProcessEnv,
) => {
  const port = env.METRICS_PORT ?? String(await freePort());
  const running = startProcess(t, program, { ...env, METRICS_PORT: port });
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method }).catch(() => undefined);
    return response && { status: response.status, text: await response.text() };
  };
  /** Waits until it answers so to /health/ready. */
  const says = (status: number, body: object) =>
    until(
      `it says ${status} ${JSON.stringify(body)}, not ${running.output()}`,
      async () => {
        const answer = await ask('/health/ready');
        return answer?.status === status && answer.text === JSON.stringify(body);
      },
      PATIENCE_MS,
    );
  return { ...running, logs: running.says, ask, says };
};

const env = await isolatedEnvironment({ SIMULATED_WRITE_LAG: '2' });
const stores = await openStores(t, env);
const ready = { status: 'ready', applying: 'yes', mysql: ok, redis: ok, rabbitmq: ok };

t.test('a consumer', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const METRICS_PORT = String(typeof address === 'object' ? address?.port : '');
  const { ask, says, ...consumer } = await start(t, 'consumer', { ...env, METRICS_PORT });

  await t.test('goes on without it while its port is in use', async (t) => {
    await consumer.logs('consuming');
    t.match(consumer.output(), `METRICS_PORT ${METRICS_PORT} on 127.0.0.1 cannot be served`);
    t.equal(consumer.output().split('cannot be served').length, 2, 'said once');
    taken.close();
  });
  await t.test('is ready once it gets jobs', async (t) => {
    await says(200, ready);
    t.match(await ask('/health/live'), { status: 200, text: '{"status":"live"}' });
    t.match(await ask('/health/ready?x', 'HEAD'), { status: 200, text: '' });
    t.match(await ask('/health/ready', 'POST'), { status: 405, text: '"error":' });
    for (const path of ['/', '/health', '/constructor', '//x/health/live'])
      t.match(await ask(path), { status: 404, text: '"error":' }, path);
  });
  await t.test('is not while its queue is gone', async () => {
    await stores.channel.deleteQueue(stores.queue);
    await says(503, { ...ready, status: 'unavailable', applying: 'no' });
    await says(200, ready);
  });
  await t.test('says that it ends as soon as it is asked to', async (t) => {
    const job = createJob();
    await stores.publish(job);
    await until('it has the job', async () => (await stores.waiting()) === 0);
    const ended = consumer.end();
    await says(503, { ...ready, status: 'ending' });
    t.equal(await ended, 0);
    // A new quorum queue may say that none waits before it has delivered the job.
    const isThere = async () => (await stores.order(job.payload.order_id)) || (await stores.waiting()) === 1;
    t.ok(await isThere(), 'what it had begun is done, what it had not waits');
  });
});

t.test('a consumer without MySQL is at work: it applies once MySQL is there', async (t) => {
  const { says } = await start(t, 'consumer', { ...env, DB_PORT: nowhere });
  await says(200, { status: 'degraded', applying: 'no', mysql: away, redis: ok, rabbitmq: ok });
});

t.test('a consumer without RabbitMQ is not; with CACHE_DISABLED it says nothing of Redis', async (t) => {
  const { says } = await start(t, 'consumer', { ...env, RABBITMQ_PORT: nowhere, CACHE_DISABLED: 'true' });
  await says(503, { status: 'unavailable', applying: 'no', mysql: ok, rabbitmq: away });
});

t.test('hubs: one leads, the other is ready too, and takes over', async (t) => {
  const first = await start(t, 'hub', env);
  const leads = { status: 'ready', leading: 'yes', publishing: 'yes', mysql: ok, rabbitmq: ok };
  await first.says(200, leads);
  const second = await start(t, 'hub', env);
  await second.says(200, { ...leads, leading: 'no' });
  t.equal(await first.end(), 0);
  await second.says(200, leads);
});

t.test('a hub without MySQL is not at work', async (t) => {
  const { says } = await start(t, 'hub', { ...env, DB_PORT: nowhere });
  await says(503, { status: 'unavailable', leading: 'no', publishing: 'yes', mysql: away, rabbitmq: ok });
});
