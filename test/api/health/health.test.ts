import t from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { startApp, startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';
import { openStores } from '../../helpers/stores.ts';

const env = await isolatedEnvironment();
const nowhere = String(await freePort());

t.test('ready: every server and the time it took', async (t) => {
  const app = await startReadyApp(t, env);
  t.strictSame((await app.inject('/health/live')).json(), { status: 'live' });
  const answer = (await app.inject('/health/ready')).json();
  t.equal(answer.status, 'ready');
  for (const server of ['mysql', 'redis', 'rabbitmq']) {
    t.equal(answer[server].ok, true);
    t.type(answer[server].ms, 'number');
  }
});

const away = {
  mysql: { DB_PORT: nowhere },
  rabbitmq: { RABBITMQ_PORT: nowhere },
  redis: { REDIS_URL: `redis://127.0.0.1:${nowhere}/0` },
};
const isOk = (check: unknown) => typeof check !== 'object' || (check as { ok: boolean }).ok;

for (const [missing, status, answer, works] of [
  [['mysql'], 200, 'degraded', { accepting: 'yes', reading: 'partly', applying: 'no' }],
  [['rabbitmq'], 200, 'degraded', { accepting: 'no', reading: 'yes', applying: 'unknown' }],
  [['redis'], 200, 'degraded', { accepting: 'yes', reading: 'yes', applying: 'no' }],
  [['mysql', 'redis'], 200, 'degraded', { accepting: 'yes', reading: 'no', applying: 'no' }],
  [['mysql', 'rabbitmq'], 200, 'degraded', { accepting: 'no', reading: 'partly', applying: 'unknown' }],
  [['mysql', 'rabbitmq', 'redis'], 503, 'unavailable', { accepting: 'no', reading: 'no' }],
] as const)
  t.test(`without ${missing.join(', ')} the service is ${answer}`, async (t) => {
    const app = await startApp(t, Object.assign({ ...env }, ...missing.map((server) => away[server])));
    await until('only these servers are missing', async () => {
      const response = await app.inject('/health/ready');
      const said = response.json();
      const gone = Object.keys(said).filter((name) => !isOk(said[name]));
      if (gone.sort().join() !== missing.join()) return false;
      // Whether somebody takes jobs is looked at every second.
      if ('applying' in works && said.applying !== works.applying) return false;
      t.equal(response.statusCode, status);
      t.match(said, { status: answer, ...works });
      return true;
    });
    t.equal((await app.inject('/health/live')).statusCode, 200);
  });

t.test('applying: somebody takes jobs, or nobody does', async (t) => {
  const own = await isolatedEnvironment();
  const app = await startReadyApp(t, own);
  const applying = async () => (await app.inject('/health/ready')).json().applying;
  await until('nobody is seen to', async () => (await applying()) === 'no');
  const { channel, queue } = await openStores(t, own);
  await channel.consume(queue, () => {});
  await until('somebody is', async () => (await applying()) === 'yes');
});

t.test('accepting: not while too many jobs wait', async (t) => {
  const app = await startReadyApp(t, { ...(await isolatedEnvironment()), MAX_BACKLOG: '1' });
  const payload = { customer_name: 'Ada', items: [{ name: 'Tea', quantity: 1 }] };
  for (let i = 0; i < 2; i++) await app.inject({ method: 'POST', url: '/orders', payload });
  await until('it says so', async () => {
    const response = await app.inject('/health/ready');
    t.equal(response.statusCode, 200);
    return response.json().status === 'degraded' && response.json().accepting === 'no';
  });
  t.equal((await app.inject({ method: 'POST', url: '/orders', payload })).statusCode, 503);
});

t.test('with CACHE_DISABLED Redis is not asked', async (t) => {
  const app = await startReadyApp(t, {
    ...env,
    CACHE_DISABLED: 'true',
    REDIS_URL: `redis://127.0.0.1:${nowhere}/0`,
  });
  t.notOk('redis' in (await app.inject('/health/ready')).json());
});
