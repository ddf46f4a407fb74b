/** run.ts [arguments for tap]: the tests, with private servers on free ports. Ends with the line `N passed, N failed`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statfsSync, symlinkSync } from 'node:fs';
import { freemem } from 'node:os';
import { join, normalize } from 'node:path';
import { ensureInstalled } from '../ops/packages.ts';
import { startServers } from '../ops/private-servers.ts';
import { guardedFolder } from '../testbed/guarded-folder.ts';
import { bundleTests } from './bundles.ts';
import { REDIS_DATABASES } from './helpers/environment.ts';
import { sourcesIn } from './imports.ts';
import { failuresIn, tally } from './ops/tally.ts';
import { testsWithoutServers } from './without-servers.ts';

const MEMORY = '/dev/shm';
const FREE_THERE = 4 * 2 ** 30;
const FREE_AT_ALL = 8 * 2 ** 30;

/** Whether files may be kept in memory, and programs started from there. */
const hasRoomInMemory = (): boolean => {
  if (!existsSync(MEMORY)) return false;
  const { bavail, bsize } = statfsSync(MEMORY);
  const mount = readFileSync('/proc/mounts', 'utf8').match(/^\S+ \/dev\/shm .*$/m)?.[0] ?? '';
  return bavail * bsize > FREE_THERE && freemem() > FREE_AT_ALL && !/\bnoexec\b/.test(mount);
};
// Tests kill processes, not machines: their servers need not wait for a disk.
if (!process.env.TMPDIR && hasRoomInMemory()) process.env.TMPDIR = MEMORY;

const { folder, end: endFolder } = guardedFolder('orders-test-');

/** Starts the three servers; returns the environment that tells the tests where they are. */
const startTestServers = async (): Promise<NodeJS.ProcessEnv> => {
  ensureInstalled(['mysql', 'redis', 'rabbitmq'], console.log);
  const { ports } = await startServers(folder, REDIS_DATABASES);
  return {
    TEST_SERVERS: folder,
    TEST_MYSQL_PORT: `${ports.mysql}`,
    TEST_REDIS_PORT: `${ports.redis}`,
    TEST_RABBITMQ_PORT: `${ports.rabbitmq}`,
    TEST_RABBITMQ_FOLDER: join(folder, 'rabbitmq'),
  };
};

/** They wait for minutes, so they come first, beside all others. */
const isLong = (file: string): boolean => file.startsWith('test/faults/');

/** All test files; those of code alone run in one process (unit.ts). */
const allTests = (): string[] => {
  const alone = new Set(testsWithoutServers());
  const files = sourcesIn('test').filter((file) => file.endsWith('.test.ts') && !alone.has(file));
  return [...files.filter(isLong), 'test/unit.ts', ...files.filter((file) => !isLong(file))];
};

/** Bundles those of tap's arguments that are test files. @returns the environment that tells load.mjs where they are */
const bundle = async (args: string[]): Promise<NodeJS.ProcessEnv> => {
  const bundles = join(folder, 'bundles');
  symlinkSync(join(import.meta.dirname, '../node_modules'), join(folder, 'node_modules'));
  const files = args.filter((arg) => arg.endsWith('.test.ts') && existsSync(arg)).map(normalize);
  await bundleTests(files, bundles);
  return { TEST_BUNDLES: bundles };
};

/** Installs a browser meanwhile, as that takes a minute and one file of tests needs it. */
const startInstalling = (): { env: NodeJS.ProcessEnv; done: Promise<unknown[]> } => {
  const installed = join(folder, 'clients-installed');
  const program = ['--import=tsx', 'test/install-clients.ts', installed];
  const child = spawn(process.execPath, program, { stdio: 'inherit' });
  return { env: { TEST_CLIENTS: installed }, done: once(child, 'exit') };
};

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());

/** @returns tap's exit code, null when it was ended by a signal or never came to run */
const runTap = async (outputFile: string): Promise<number | null> => {
  const servers = await startTestServers();
  if (stop.signal.aborted) return null;
  // Where nobody watches, the failures are enough; together with a file, tap's own default says everything twice.
  const reporter = process.stdout.isTTY ? [] : ['--reporter=min'];
  const asked = process.argv.slice(2);
  const tests = asked.length > 0 ? asked : allTests();
  const args = [`--output-file=${outputFile}`, ...reporter, ...tests];
  const clients = startInstalling();
  const env = { ...process.env, ...servers, ...clients.env, ...(await bundle(tests)) };
  // In a group of its own: on a signal tap waits for its test files, so these have to get it as well.
  const tap = spawn('node_modules/.bin/tap', args, { detached: true, stdio: 'inherit', env });
  await once(tap, 'spawn');
  const { pid } = tap;
  if (pid) stop.signal.addEventListener('abort', () => tap.exitCode ?? process.kill(-pid, 'SIGTERM'));
  const [code] = await once(tap, 'exit');
  const [installed] = await clients.done;
  if (installed !== 0) throw new Error('The clients of some tests could not be installed, see above.');
  return code;
};

const outputFile = join(folder, 'output.tap');
const exitCode = await runTap(outputFile).catch((error: Error) => {
  console.error(error.message);
  return null;
});
const output = existsSync(outputFile) ? readFileSync(outputFile, 'utf8') : '';
const { passed, failed, problems } = tally(output, exitCode);
await endFolder();
for (const [file] of output.matchAll(/^(not )?ok .*$/gm)) console.log(file);
// Last, as a log may keep only its end.
if (!process.stdout.isTTY) for (const failure of failuresIn(output)) console.log(failure);
for (const problem of problems) console.error(problem);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : exitCode || 1;
