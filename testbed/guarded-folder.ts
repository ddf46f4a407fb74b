/** A place for private servers and processes that leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Makes a temporary folder. When `end` is called, or however else this process ends, the processes that work in it or
 * below it are killed, and it is removed.
 * @param prefix of its name
 */
export const guardedFolder = (prefix: string) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  const guard = spawn(fileURLToPath(new URL('./guard.sh', import.meta.url)), [folder], {
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
