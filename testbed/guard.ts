/**
 * guard.ts <folder>: waits until its standard input ends, however its parent ended, then kills the processes that
 * work in the folder, stops the private servers in it, and removes it.
 */
import { once } from 'node:events';
import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stopServer } from '../ops/private-servers.ts';

/** The processes whose working directory is `folder`, as /proc tells (proc(5)). */
const processesIn = (folder: string): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readlinkSync(`/proc/${pid}/cwd`) === folder;
      } catch {
        return false;
      }
    });

const folder = process.argv[2];
if (!folder) throw new Error('Usage: guard.ts <folder>');
process.stdin.resume();
await once(process.stdin, 'end');
for (const pid of processesIn(folder)) process.kill(pid, 'SIGKILL');
await Promise.all(['mysql', 'redis', 'rabbitmq'].map((name) => stopServer(join(folder, name))));
rmSync(folder, { recursive: true, force: true });
