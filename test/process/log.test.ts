/** What cannot be logged is lost, and nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loggedError } from '../../process/log.ts';
import { withoutTap } from '../../testbed/spawn.ts';

const FULL = '/dev/full';

t.test('a full disk', { skip: existsSync(FULL) ? false : `there is no ${FULL}` }, async (t) => {
  for (const format of ['json', 'text']) {
    const script = `
      import { createLog } from ${JSON.stringify(fileURLToPath(new URL('../../process/log.ts', import.meta.url)))};
      const log = createLog('test', { level: 'info', format: '${format}' });
      for (let n = 0; n < 100; n++) {
        log.info('x'.repeat(1000));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      process.exitCode = 7;
    `;
    const child = spawn(
      ...withoutTap(process.execPath, '--import=tsx', '--input-type=module', '--eval', script),
      { stdio: ['ignore', openSync(FULL, 'w'), 'inherit'] },
    );
    const [code] = await once(child, 'exit');
    t.equal(code, 7, `it came to its end with ${format}`);
  }
});

t.test('an error of a database driver is logged without its statement', async (t) => {
  const secret = "O'Brien";
  const answered = Object.assign(new Error(`near '${secret}'`), { code: 'ER_PARSE_ERROR', sql: secret });
  const wrapped = Object.assign(
    new Error(`Failed query: ${secret}\nparams: ${secret}`, { cause: answered }),
    {
      query: secret,
      params: [secret],
    },
  );
  for (const error of [answered, wrapped]) t.notMatch(JSON.stringify(loggedError(error)), secret);
  t.match(loggedError(answered), { type: 'Error', code: 'ER_PARSE_ERROR', stack: /log\.test/ });
  t.match(loggedError(new TypeError('words')), { type: 'TypeError', message: 'words' });
  t.equal(loggedError('text'), 'text');
});
