/** What cannot be logged is lost, and nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withoutTap } from './helpers/spawn.ts';

const FULL = '/dev/full';

t.test('a full disk', { skip: existsSync(FULL) ? false : `there is no ${FULL}` }, async (t) => {
  const script = `
    import { createLog } from ${JSON.stringify(fileURLToPath(new URL('../log.ts', import.meta.url)))};
    const log = createLog('info', 'test');
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
  t.equal(code, 7, 'it came to its end');
});
