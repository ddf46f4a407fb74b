/** Folders for processes that outlive the call that starts them. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from './teardown.ts';

/**
 * A folder for one test. `t.testdir()` is removed before the teardowns run; this one stays until `stop` has stopped
 * what runs in it.
 */
export const scratchFolder = (t: Teardown, stop: (folder: string) => Promise<unknown>): string => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'orders-scratch-')));
  t.teardown(async () => {
    await stop(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
};
