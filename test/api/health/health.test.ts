import t from 'tap';
import { freePort } from '../../../ops/ports.ts';
import { until } from '../../../testbed/until.ts';
import { startApp, startReadyApp } from '../../helpers/app.ts';
import { isolatedEnvironment } from '../../helpers/environment.ts';

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

for (const [server, override, status, answer] of [
  ['mysql', { DB_PORT: nowhere }, 503, 'unavailable'],
  ['rabbitmq', { RABBITMQ_PORT: nowhere }, 503, 'unavailable'],
  ['redis', { REDIS_URL: `redis://127.0.0.1:${nowhere}/0` }, 200, 'degraded'],
] as const)
  t.test(`without ${server} the service is ${answer}`, async (t) => {
    const app = await startApp(t, { ...env, ...override });
    await until('only that server is missing', async () => {
      const response = await app.inject('/health/ready');
      const { status: said, ...servers } = response.json();
      const missing = Object.keys(servers).filter((name) => !servers[name].ok);
      if (missing.join() !== server) return false;
      t.equal(response.statusCode, status);
      t.equal(said, answer);
      return true;
    });
    t.equal((await app.inject('/health/live')).statusCode, 200);
  });

t.test('with CACHE_DISABLED Redis is not asked', async (t) => {
  const app = await startReadyApp(t, {
    ...env,
    CACHE_DISABLED: 'true',
    REDIS_URL: `redis://127.0.0.1:${nowhere}/0`,
  });
  t.notOk('redis' in (await app.inject('/health/ready')).json());
});
