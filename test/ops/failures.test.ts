/** What start_services.sh says when it cannot start, and that it leaves nothing behind. */
import { once } from 'node:events';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { freePort, whoAnswers } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { makeCheckout } from './checkout.ts';

const { PATH: _, PORT: __, ...backends } = await isolatedEnvironment();
const { folder, port, url, begin, start, stop, pids } = await makeCheckout(t);

/** Starts with the backends of this test run, so that none has to be started. */
const attempt = (overrides: NodeJS.ProcessEnv = {}) => start({ ...backends, ...overrides });
const expectNothing = async (t: Pick<typeof import('tap').t, 'strictSame' | 'equal'>) => {
  t.strictSame(pids(), {});
  t.equal(await whoAnswers('127.0.0.1', port), 'none');
};

t.test('settings and surroundings that cannot work are one sentence', async (t) => {
  const silent = createServer().listen(await freePort(), '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const address = silent.address();
  const taken = String(typeof address === 'object' ? address?.port : '');
  const nobody = String(await freePort());
  const cases: [NodeJS.ProcessEnv, RegExp][] = [
    [{ START_TIMEOUT: 'soon' }, /^START_TIMEOUT must be a number of seconds above 0, got "soon"\.$/m],
    [{ STOP_TIMEOUT: '0' }, /^STOP_TIMEOUT must be a number of seconds above 0, got "0"\.$/m],
    [{ PORT: 'eighty' }, /^PORT must be a port from 1 to 65535, got "eighty"\.$/m],
    [
      { PORT: taken },
      new RegExp(`^PORT ${taken} on 127\\.0\\.0\\.1 is in use by another program: stop it`, 'm'),
    ],
    [{ HOST: '192.0.2.1' }, /^The API cannot listen on PORT \d+ of HOST 192\.0\.2\.1: .+\.$/m],
    [
      { REDIS_URL: `redis://127.0.0.1:${taken}` },
      new RegExp(`^What answers at 127\\.0\\.0\\.1:${taken} is not Redis`, 'm'),
    ],
    [
      { DB_HOST: 'no-such-host.invalid' },
      /^MySQL does not answer at no-such-host\.invalid:\d+: check DB_HOST /m,
    ],
    [
      { RABBITMQ_HOST: '127.0.0.9', RABBITMQ_PORT: nobody },
      /^RabbitMQ does not answer at 127\.0\.0\.9:\d+: set /m,
    ],
    [
      { RABBITMQ_HOST: `127.0.0.1:${nobody},127.0.0.9`, RABBITMQ_PORT: nobody },
      /^RabbitMQ does not answer at any of 127\.0\.0\.1:\d+, 127\.0\.0\.9:\d+: check RABBITMQ_HOST/m,
    ],
    [{ REDIS_URL: `rediss://127.0.0.1:${nobody}` }, /^Redis does not answer at .*TLS\.$/m],
    [{ REDIS_URL: `redis://me:secret@127.0.0.1:${nobody}` }, /^A Redis started here has no user me: /m],
  ];
  for (const [overrides, sentence] of cases) {
    const { code, output } = await attempt(overrides);
    t.equal(code, 1);
    t.match(output, sentence);
    t.notMatch(output, /secret|\n +at /);
    await expectNothing(t);
  }
});

t.test('a migration that fails', async (t) => {
  const { code, output } = await attempt({ DB_PASS: 'wrong' });
  t.equal(code, 1);
  t.match(output, /^The migration failed: .*denied/m);
  await expectNothing(t);
});

t.test('a service that is not ready in time', async (t) => {
  const { code, output } = await attempt({ START_TIMEOUT: '0.1' });
  t.equal(code, 1);
  t.match(output, /^Orders did not start: .* was not ready within 0\.1 s\. The end of .*\.log:/m);
  await expectNothing(t);
});

t.test('Ctrl-C on the way', async (t) => {
  const { outcome, output, kill } = begin(join(folder, 'start_services.sh'), [], backends);
  await until('the API has started', () => output().includes('Started the API'));
  kill('SIGINT');
  t.equal((await outcome).code, 1);
  t.match(output(), 'Interrupted.\nWhat this run has started is stopped again.\n');
  await expectNothing(t);
});

t.test(
  'its reader goes away on the way: all that it starts is there, and found by the next stop',
  async (t) => {
    const script = `'${join(folder, 'start_services.sh')}' | head -3; exit "\${PIPESTATUS[0]}"`;
    const { code, output } = await begin('bash', ['-c', script], backends).outcome;
    t.equal(code, 0, output);
    t.notMatch(output, 'Orders is ready');
    const names = ['hub', 'server', 'supervisor', 'worker_1', 'worker_2'];
    t.strictSame(
      Object.keys(pids()).sort(),
      names.map((name) => `${name}.pid`),
    );
    t.equal((await fetch(`${url}/health/ready`)).status, 200);

    for (const file of ['server.log', 'worker_1.log'])
      renameSync(join(folder, file), join(folder, `${file}.1`));
    for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN'] as const)
      for (const pid of Object.values(pids())) process.kill(pid, signal);
    for (const file of ['server.log', 'worker_1.log', 'worker_2.log'])
      await until(
        `${file} names the signal`,
        () =>
          // As logrotate does it, a log has been moved away; SIGHUP makes its process write a new one.
          existsSync(join(folder, file)) &&
          readFileSync(join(folder, file), 'utf8').includes('SIGTTIN has no meaning here'),
      );
    t.match(readFileSync(join(folder, 'server.log'), 'utf8'), /^\{.*SIGHUP: logs/);
    t.equal((await fetch(`${url}/health/ready`)).status, 200);
    for (const file of ['server.log', 'worker_1.log'])
      t.notMatch(readFileSync(join(folder, file), 'utf8'), 'Debugger listening');

    t.equal((await stop()).code, 0);
    await expectNothing(t);
  },
);

t.test('killed on the way: the next stop finds what it has started', async (t) => {
  for (const say of ['Started the API', 'Started consumer 1']) {
    const { output, outcome, kill } = begin(join(folder, 'start_services.sh'), [], backends);
    await until('it has begun', () => output().includes(say));
    kill('SIGKILL');
    t.equal((await stop()).code, 0);
    await expectNothing(t);
    // What holds its output is gone.
    await outcome;
  }
});

t.test('a log of over 2 GiB does not keep it from starting', async (t) => {
  const log = join(folder, 'worker_1.log');
  truncateSync(log, 3 * 2 ** 30);
  const { code, output } = await attempt();
  t.equal(code, 0, output);
  t.equal((await stop()).code, 0);
  rmSync(log);
});

t.test('a quiet log does not keep it from starting', async (t) => {
  const { code, output } = await attempt({ LOG_LEVEL: 'warn' });
  t.equal(code, 0, output);
  t.equal((await fetch(`${url}/health/ready`)).status, 200);
});

t.test('neither a broken .env nor a missing build keeps it from stopping', async (t) => {
  writeFileSync(join(folder, '.env'), 'PORT=eighty\n');
  rmSync(join(folder, 'dist'), { recursive: true });
  const { code, output } = await stop();
  t.equal(code, 0, output);
  t.match(output, 'Stopped the API.');
  await expectNothing(t);
});

t.test('arguments that mean nothing are refused', async (t) => {
  for (const script of ['start_services.sh', 'stop_services.sh']) {
    const { code, output } = await begin(join(folder, script), ['--nonsense']).outcome;
    t.equal(code, 1);
    t.match(output, '--nonsense');
  }
});

t.test('no log holds a password', async (t) => {
  const logs = readdirSync(folder).filter((name) => name.endsWith('.log'));
  t.ok(logs.includes('server.log'));
  for (const log of logs) t.notMatch(readFileSync(join(folder, log), 'utf8'), /sesame|"orders:orders|wrong/);
});
