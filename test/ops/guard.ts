/**
 * guard.ts <folder>: waits until its standard input ends, however its parent ended, then stops the private
 * servers in the folder and removes it.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { stopServer } from '../../ops/private-servers.ts';

const folder = process.argv[2];
if (!folder) throw new Error('Usage: guard.ts <folder>');
process.stdin.resume();
await once(process.stdin, 'end');
await Promise.all(['mysql', 'redis', 'rabbitmq'].map((name) => stopServer(join(folder, name))));
rmSync(folder, { recursive: true, force: true });
