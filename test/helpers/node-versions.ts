/** Other versions of Node.js, from the npm package `node`. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withoutTap } from '../../testbed/spawn.ts';

/** It is some 50 MB to load. */
const INSTALL_WITHIN_MS = 180_000;

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'orders');
const binaryIn = (folder: string) => join(folder, 'node_modules/node/bin/node');

/** Whether a program is a Node.js of a version such as 22, or 24.21.0. */
const isVersion = (program: string, version: string): boolean => {
  if (!existsSync(program)) return false;
  const { stdout } = spawnSync(...withoutTap(program, '--version'), { encoding: 'utf8' });
  return `${stdout.trim()}.`.startsWith(`v${version}.`);
};

/**
 * Installs a version of Node.js, in a folder that later runs use again.
 * @returns the path of its program, or why it cannot be had
 */
export const nodeOf = async (version: string): Promise<{ path: string } | { missing: string }> => {
  if (isVersion(process.execPath, version)) return { path: process.execPath };
  const folder = join(cache, `node-${version}`);
  if (isVersion(binaryIn(folder), version)) return { path: binaryIn(folder) };
  mkdirSync(cache, { recursive: true });
  // Another run of the tests may do the same: who is first gives the folder its name.
  const own = mkdtempSync(join(cache, 'installing-'));
  const args = [
    'install',
    '--prefix',
    own,
    '--no-audit',
    '--no-fund',
    '--fetch-retries=1',
    `node@${version}`,
  ];
  const npm = spawn(...withoutTap('npm', ...args), { stdio: 'ignore', timeout: INSTALL_WITHIN_MS });
  await once(npm, 'close');
  if (!isVersion(binaryIn(own), version)) {
    rmSync(own, { recursive: true, force: true });
    return { missing: `Node.js ${version} could not be installed from the npm package node` };
  }
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(own, folder);
  } catch {
    rmSync(own, { recursive: true, force: true });
  }
  return { path: binaryIn(folder) };
};
