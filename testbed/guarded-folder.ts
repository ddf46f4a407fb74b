/** A place for private servers and processes that leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Makes a temporary folder. When `end` is called, or however else this process ends, the processes that work in it
 * are killed, the private servers `mysql`, `redis` and `rabbitmq` in it are stopped, and it is removed.
 * @param prefix of its name
 */
export const guardedFolder = (prefix: string) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  // Beside this file, be it the source or the build.
  const extension = extname(import.meta.url);
  const loader = extension === '.ts' ? ['--import=tsx'] : [];
  const script = fileURLToPath(new URL(`./guard${extension}`, import.meta.url));
  const guard = spawn(process.execPath, [...loader, script, folder], {
    detached: true,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  return {
    folder,
    end: async (): Promise<void> => {
      guard.stdin.end();
      if (guard.exitCode === null) await once(guard, 'exit');
    },
  };
};
