/** Runs Locust, the load generator, against the service. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { withoutTap } from '../../testbed/spawn.ts';
import { until } from '../../testbed/until.ts';
import { clientProgram } from './client-programs.ts';

/** The service must have it. */
export const ADMIN_PASSWORD = 'sesame';

/** The kinds of requests that the Locust file of this project makes. */
export const ORDER_REQUESTS = [
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
export const runLocust = async (t: Test, file: string, url: string, kinds: string[]) => {
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
