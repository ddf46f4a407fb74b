/** Locust files against the service: our own, and one as teams bring it along. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { freePort } from '../../ops/ports.ts';
import { withoutTap } from '../../testbed/spawn.ts';
import { until } from '../../testbed/until.ts';
import { clientProgram, skippedWithout, whenInstalled } from '../helpers/client-programs.ts';
import { isolatedEnvironment } from '../helpers/environment.ts';
import { startService } from '../helpers/processes.ts';

const ADMIN_PASSWORD = 'sesame';

const ORDER_REQUESTS = [
  'POST /orders',
  'GET /orders',
  'GET /orders/[id]',
  'PATCH /orders/[id]/status',
  'DELETE /orders/[id]',
];
const ALL_WITHIN_MS = 60_000;

/** Of each kind of request, and of `Aggregated`, how many failed, as far as Locust has told. */
const readStatistics = (file: string) => {
  const [, ...lines] = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\r\n') : [];
  return lines.map((line) => {
    const [method = '', name = '', , failures] = line.split(',');
    return { kind: `${method} ${name}`.trim(), failures: Number(failures) };
  });
};

/** Runs a Locust file until it has made requests of all these kinds: none of its requests may fail. */
const load = async (t: Test, file: string, url: string, kinds: string[]) => {
  const results = join(t.testdir(), 'run');
  const program = clientProgram('locust') ?? 'locust';
  const options = ['--headless', '--users', '8', '--spawn-rate', '8', '--only-summary', '--csv', results];
  const locust = spawn(...withoutTap(program, '--locustfile', file, '--host', url, ...options), {
    env: { ...process.env, ADMIN_PASSWORD, NO_PROXY: '*' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => locust.kill('SIGKILL'));
  const exited = once(locust, 'exit');
  const output = Promise.all([text(locust.stdout), text(locust.stderr)]);
  const statistics = () => readStatistics(`${results}_stats.csv`);
  await until(
    `there were all of ${kinds.join(', ')}`,
    async () => {
      if (locust.exitCode !== null) throw new Error(`locust ended: ${(await output).join('')}`);
      const made = statistics().map(({ kind }) => kind);
      return kinds.every((kind) => made.includes(kind));
    },
    ALL_WITHIN_MS,
  );
  locust.kill('SIGTERM');
  const [code] = await exited;
  const said = (await output).join('');
  t.equal(code, 0, 'the exit code', { said });
  t.notMatch(said, /Traceback/, 'no exception');
  for (const { kind, failures } of statistics()) t.equal(failures, 0, `failures of ${kind}`);
};

await whenInstalled();
t.test('Locust', { skip: skippedWithout('locust') }, async (t) => {
  const port = await freePort();
  const env = await isolatedEnvironment({ PORT: String(port), ADMIN_PASSWORD });
  await startService(t, env);
  const url = `http://127.0.0.1:${port}`;

  await t.test('the file of this project', (t) => load(t, 'test/locustfile.py', url, ORDER_REQUESTS));

  await t.test('a file that was written for another service', async (t) => {
    await load(t, 'test/clients/locustfile.py', url, [...ORDER_REQUESTS, 'POST /admin/seed']);
    t.strictSame(await (await fetch(`${url}/orders`)).json(), { total_orders: 0, orders: [] }, 'reset');
  });
});
