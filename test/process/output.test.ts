/** Standard output that several processes share, as a container's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { withoutTap } from '../../testbed/spawn.ts';

const LINES = 3_000;
const PROCESSES = 2;
const path = (file: string) => JSON.stringify(new URL(`../../${file}`, import.meta.url).href);
/** Writes lines of both logs, many at once. Each line ends with its own length. */
const program = `
  import { openAccessLog } from ${path('api/http/access-log.ts')};
  import { openOutput } from ${path('process/output.ts')};
  const access = openAccessLog('-');
  const output = openOutput();
  for (let i = 0; i < ${LINES}; i++) {
    const text = 'x'.repeat((i * 37) % 700);
    output.write('log ' + text + ' ' + text.length + '\\n');
    access.write('access ' + text + ' ' + text.length);
    if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await access.close();
`;

t.test('each line is whole, however slowly they are read', async (t) => {
  const command = Array.from(
    { length: PROCESSES },
    () => '"$0" --import=tsx --input-type=module -e "$1" &',
  ).join(' ');
  const shell = spawn(...withoutTap('bash', '-c', `${command} wait`, process.execPath, program), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const ended = once(shell, 'close');
  for await (const bytes of shell.stdout) {
    text += bytes;
    // The pipe is full meanwhile.
    await sleep(1);
  }
  await ended;
  const lines = text.split('\n');
  t.equal(lines.pop(), '');
  t.equal(lines.length, 2 * PROCESSES * LINES);
  const torn = lines.filter((line) => {
    const [, xs = '', length] = /^(?:log|access) (x*) (\d+)$/.exec(line) ?? [];
    return xs.length !== Number(length ?? Number.NaN);
  });
  t.strictSame(torn.slice(0, 3), []);
});
