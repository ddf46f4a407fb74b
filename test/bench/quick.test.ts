/** The whole benchmark as a person runs it, in its short form. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { withoutTap } from '../../testbed/spawn.ts';

const run = async (...args: string[]) => {
  const child = spawn(...withoutTap(process.execPath, '--import=tsx', 'bench/run.ts', ...args), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { stdout, stderr, code };
};

t.test('measures what it is asked to, and another state of itself in the same turns', async (t) => {
  const { stdout, stderr, code } = await run('--quick', '--only', 'post,get-pending', '--base', '.');
  t.equal(stderr, '');
  t.equal(code, 0, stdout);
  t.match(stdout, /^\| case \| unit \| ours \| bare \| ratio \| base \| ratio to it \|/m);
  for (const title of ['POST', 'GET one, pending'])
    t.match(stdout, new RegExp(`^\\| ${title} \\| requests/s (\\| [\\d,.]+ ){5}\\|`, 'm'));
  t.notMatch(stdout, /× base|\| (met|missed|BROKEN) \|/);
});

t.test('says what is wrong with its arguments', async (t) => {
  const { stderr, code } = await run('--only', 'post,nonsense');
  t.equal(code, 1);
  t.match(stderr, /^There is no case nonsense: choose from .*get-cached/);
  const notBuilt = await run('--base', 'docs');
  t.equal(notBuilt.code, 1);
  t.match(notBuilt.stderr, /^--base must be a checkout of this service that is built, got docs: /);
});
