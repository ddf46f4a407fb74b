/** What the Dockerfile makes, without Docker: its files as the root of processes that may not write there. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { workersOf } from '../../ops/workers.ts';
import { withoutTap } from '../../testbed/spawn.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** What the last stage of the Dockerfile says of the containers made from it. */
export const readDockerfile = () => {
  const text = readFileSync(fromRoot('Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
  const [, last = ''] = text.split('\nFROM scratch\n');
  const said = (instruction: string) =>
    new RegExp(`^${instruction} (.*)$`, 'm').exec(last)?.[1]?.trim() ?? '';
  const words: string[] = said('ENV').split(/\s+/);
  return {
    node: /^FROM node:(\S+)-bookworm AS build$/m.exec(text)?.[1],
    env: Object.fromEntries(words.map((word) => word.split('=', 2))),
    user: said('USER').split(':'),
    folder: said('WORKDIR'),
    command: JSON.parse(said('CMD')) as string[],
    healthCheck: JSON.parse(/ CMD (\[.*\])$/.exec(said('HEALTHCHECK'))?.[1] ?? '[]') as string[],
  };
};

/** Puts the image's files into a folder, with the places where an engine mounts its own. */
export const assembleImage = (root: string): void => {
  const { status, stderr } = spawnSync(process.execPath, ['--import=tsx', fromRoot('ops/image.ts'), root], {
    cwd: fromRoot('.'),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  mkdirSync(join(root, 'proc'));
  mkdirSync(join(root, 'dev'));
  writeFileSync(join(root, 'dev/null'), '');
};

/**
 * Makes the folder $1 a root that nobody may write to, in a mount and a process namespace of its own, and becomes the
 * program as its first process, with the arguments for unshare(1) that say as whom and where.
 */
const CONTAIN = `set -e
root=$1; shift
at() { PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
at mount --bind "$root" "$root"
at mount -t proc proc "$root/proc"
at mount --bind /dev/null "$root/dev/null"
at mount -o remount,bind,ro "$root"
exec /usr/bin/unshare --root="$root" "$@"`;

const isRoot = process.getuid?.() === 0;
const unshare = ['--mount', '--pid', '--fork', '--kill-child', ...(isRoot ? [] : ['--map-root-user'])];

/** Why no such namespace can be made here; false if one can. */
export const whyNotContained = (): string | false => {
  const { status, error, stderr } = spawnSync('/usr/bin/unshare', [...unshare, '/bin/true'], {
    encoding: 'utf8',
  });
  return status === 0 ? false : `no namespace can be made here: ${error?.message ?? stderr.trim()}`;
};

export interface Contained {
  child: ChildProcess;
  output(): string;
  /** Its exit code, once it has ended by itself or by this signal. */
  ended(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Runs a command as a container of the image would: as its user, in its folder, with its variables and `env`.
 * @param root a folder that `assembleImage` filled
 */
export const runContained = (
  t: Teardown,
  root: string,
  command: string[],
  env: NodeJS.ProcessEnv,
): Contained => {
  const image = readDockerfile();
  const [uid, gid] = image.user;
  const as = isRoot ? [`--setuid=${uid}`, `--setgid=${gid}`] : [];
  const words = [
    '/bin/bash',
    '-c',
    CONTAIN,
    'contain',
    root,
    ...as,
    `--wd=${image.folder}`,
    '--',
    ...command,
  ];
  let output = '';
  const child = spawn(...withoutTap('/usr/bin/unshare', ...unshare, '--', ...words), {
    env: { ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const collect = (bytes: Buffer) => {
    output += bytes;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const closed = once(child, 'close').then(([code]) => code as number | null);
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  // With it, all processes of its namespace end.
  t.teardown(async () => {
    if (!isOver()) child.kill('SIGKILL');
    await closed;
  });
  return {
    child,
    output: () => output,
    ended: async (signal) => {
      if (signal) {
        const [first] = await until('its first process is there', async () => {
          const pids = await workersOf(child.pid);
          return pids.length > 0 && pids;
        });
        process.kill(first ?? 0, signal);
      }
      return closed;
    },
  };
};
