/** The short forms of the scenarios, as tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withoutTap } from '../../testbed/spawn.ts';
import { nodeOf } from '../helpers/node-versions.ts';
import { noViolations } from './engine/checker.ts';
import type { Result } from './engine/scenario.ts';

/** Accepted writes: enough for every fault to meet some of them. */
const ACCEPTED = 200;
const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface ShortForms {
  /** The version of Node.js that runs the service, if not that of the tests, or where it cannot be installed. */
  node?: string;
  /** Whether they leave the broker alone, and so share that of the test run: to start one takes seconds of CPU. */
  sharesBroker?: boolean;
}

/** Runs `npm run test:faults` itself for some scenarios, and takes each for one test. */
export const testShortForms = (numbers: number[], { node, sharesBroker }: ShortForms = {}): void => {
  t.test(`scenarios ${numbers}`, async (t) => {
    const results = join(t.testdir(), 'results.json');
    const found = node === undefined ? undefined : await nodeOf(node);
    if (found && 'missing' in found) t.comment(`${found.missing}: ${process.version} runs the service.`);
    const version = found && 'path' in found ? { node } : {};
    const { TEST_RABBITMQ_FOLDER: folder, TEST_RABBITMQ_PORT: port } = process.env;
    const broker = sharesBroker ? { broker: `${folder}:${port}` } : {};
    const options = { only: numbers, accepted: ACCEPTED, seed: numbers[0], results, ...version, ...broker };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const run = spawn(
      ...withoutTap(process.execPath, '--import=tsx', fromRoot('test/faults/run.ts'), ...args),
      { cwd: fromRoot('.'), stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const said: string[] = [];
    createInterface({ input: run.stdout }).on('line', (line) => said.push(line));
    // Should it come to no end, what it has printed says where.
    t.teardown(() => t.passing() || console.error(said.join('\n')));
    t.teardown(() => run.kill());
    const [code] = await once(run, 'exit');
    const { results: rows }: { results: Result[] } = JSON.parse(readFileSync(results, 'utf8'));
    t.strictSame(
      rows.map(({ number }) => number),
      numbers,
    );
    for (const { number, title, accepted, violations, problems } of rows)
      t.test(`scenario ${number}`, async (t) => {
        t.strictSame(problems, [], title);
        t.strictSame(violations, noViolations);
        t.ok(accepted > 0, `${accepted} accepted writes`);
      });
    t.equal(code, 0);
  });
};
