/** What runs in the foreground, and what is asked for once: through npm, as people and systemd run it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { freePort } from '../../ops/ports.ts';
import { until } from '../../testbed/until.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { makeCheckout } from './checkout.ts';

const { PATH: _, PORT: __, ...backends } = await isolatedEnvironment();
const { folder, url, port, begin, start, stop } = await makeCheckout(t, backends);
const npm = (...args: string[]) => begin('npm', ['--prefix', folder, ...args]);
const npmOnTerminal = (command: string) =>
  begin('script', ['-qec', `npm --prefix '${folder}' run ${command}`, '/dev/null']);
const total = async (): Promise<number> => {
  const response = await fetch(`${url}/orders?limit=1`);
  return ((await response.json()) as { total_orders: number }).total_orders;
};
const isReady = () =>
  fetch(`${url}/health/ready`).then(
    async (response) => ((await response.json()) as { status: string }).status === 'ready',
    () => false,
  );

/** A start looks at the build, runs npm and three times Node. */
const PATIENCE_MS = 60_000;

await t.test('with the service', async (t) => {
  t.equal((await start()).code, 0);

  await t.test('seed', async (t) => {
    const seeded = await npm('run', 'seed', '--', '--count', '2500').outcome;
    t.equal(seeded.code, 0, seeded.output);
    t.match(seeded.output, /\nSeeded 2500 fake orders\.\n$/);
    t.equal(await total(), 2_500);
    const refused = await npm('run', 'seed', '--', '--count=100001').outcome;
    t.equal(refused.code, 2);
    t.match(refused.output, "argument '100001' is invalid. Expected an integer from 1 to 100000.");
    const shown = await npmOnTerminal('seed -- --count 1500').outcome;
    t.equal(shown.code, 0);
    t.match(shown.output, '\r[##########################..............] 1000 of 1500\r[####');
  });

  await t.test('reset asks before', async (t) => {
    const refused = await npm('run', 'reset').outcome;
    t.equal(refused.code, 2);
    t.match(refused.output, 'there is no terminal to ask on');
    for (const [typed, code, said] of [
      ['n\n', 1, 'Nothing was changed.'],
      ['\x03', 1, 'Nothing was changed.'],
      ['y\n', 0, 'All orders have been removed.'],
    ] as const) {
      t.equal(await total(), 4_000);
      const reset = npmOnTerminal('reset');
      await until('it asks', () => reset.output().includes('[y/N] '), PATIENCE_MS);
      t.match(reset.output(), `Remove all 4000 orders of ${url}, and those that wait in the queue?`);
      reset.type(typed);
      const outcome = await reset.outcome;
      t.equal(outcome.code, code, outcome.output);
      t.match(outcome.output, said);
    }
    t.equal(await total(), 0);
    const sure = await npm('run', 'reset', '--', '--yes').outcome;
    t.equal(sure.code, 0, sure.output);
  });

  t.equal((await stop()).code, 0);
});

t.test('what a command lacks is said in one sentence', async (t) => {
  const { code, output } = await npm('run', 'reset', '--', '--yes').outcome;
  t.equal(code, 5);
  t.ok(
    output.endsWith(`\nThe API does not answer at ${url}: start it with ./start_services.sh or npm start.\n`),
    output,
  );
  const without = begin('npm', ['--prefix', folder, 'run', 'reset', '--', '--yes'], { ADMIN_PASSWORD: '' });
  t.match(await without.outcome, { code: 4, output: 'ADMIN_PASSWORD is not set: ' });
});

t.test('npm start: Ctrl-C answers what is in flight, and ends cleanly and once', async (t) => {
  const api = npm('start');
  await until('it is ready', isReady, PATIENCE_MS);
  const body = '{"customer_name":"Ada","items":[{"name":"Tea","quantity":1}]}';
  const client = connect(port, '127.0.0.1');
  client.write(
    `POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  const [begun] = await once(client, 'data');
  t.match(begun.toString(), /^HTTP\/1\.1 100 /, 'it is in flight');
  api.killGroup('SIGINT');
  await until('it ends', () => api.output().includes('api ends on SIGINT'));
  api.killGroup('SIGINT');
  client.write(body);
  t.match(await text(client), /^HTTP\/1\.1 202 /);
  const { code, output } = await api.outcome;
  t.equal(code, 0, output);
  t.equal(output.split('api ends on SIGINT').length, 2);
  t.notMatch(output, 'died');
});

t.test('npm run worker: applies jobs, and ends cleanly and once', async (t) => {
  const worker = npm('run', 'worker');
  await until('it gets jobs', () => worker.output().includes('"consuming"'), PATIENCE_MS);
  worker.killGroup('SIGINT');
  worker.killGroup('SIGINT');
  const { code, output } = await worker.outcome;
  t.equal(code, 0, output);
  t.match(output, '"consumer has ended"');
});

t.test('npm passes SIGTERM on', async (t) => {
  const api = npm('start');
  await until('it is ready', isReady, PATIENCE_MS);
  api.kill('SIGTERM');
  await api.outcome;
  t.match(api.output(), '"api has ended"');
  t.notOk(await isReady());
});

t.test('npm start does without MySQL, but not without its settings', async (t) => {
  const api = begin('npm', ['--prefix', folder, 'start'], { DB_PORT: `${await freePort()}` });
  await until('it listens', () => api.output().includes('listening on'), PATIENCE_MS);
  t.match(api.output(), /\nMySQL does not answer \(.*\), so its tables are not looked at\.\n/);
  api.killGroup('SIGINT');
  t.equal((await api.outcome).code, 0);
  const { code, output } = await begin('npm', ['--prefix', folder, 'start'], { PORT: 'x' }).outcome;
  t.equal(code, 1);
  t.ok(output.endsWith('\nPORT must be a port from 1 to 65535, got "x".\n'), output);
});
