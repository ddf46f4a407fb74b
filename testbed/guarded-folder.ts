/** A place for private servers and processes that leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Makes a temporary folder. When `end` is called, and also when this process ends in whatever way, the processes that
 * work in the folder or below it are killed and the folder is removed.
 * @param prefix of the folder's name
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
