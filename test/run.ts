/** run.ts [arguments for tap]: the tests, with private servers on free ports. Ends with the line `N passed, N failed`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled } from '../ops/packages.ts';
import { freePort } from '../ops/ports.ts';
import { startMysql, startRabbitmq, startRedis } from '../ops/private-servers.ts';
import { tally } from './ops/tally.ts';

const account = { user: 'orders', password: 'orders' };

/** Starts the three servers in `folder`; returns the environment that tells the tests where they are. */
const startServers = async (folder: string): Promise<NodeJS.ProcessEnv> => {
  ensureInstalled(['mysql', 'redis', 'rabbitmq'], console.log);
  const [mysql, redis, rabbitmq] = [await freePort(), await freePort(), await freePort()];
  await Promise.all([
    startMysql({ folder: join(folder, 'mysql'), port: mysql, database: 'orders', ...account }),
    startRedis({ folder: join(folder, 'redis'), port: redis, databases: 512 }),
    startRabbitmq({ folder: join(folder, 'rabbitmq'), port: rabbitmq, ...account }),
  ]);
  return { TEST_MYSQL_PORT: `${mysql}`, TEST_REDIS_PORT: `${redis}`, TEST_RABBITMQ_PORT: `${rabbitmq}` };
};

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'orders-test-')));
const guard = spawn(process.execPath, [...process.execArgv, 'test/ops/guard.ts', folder], {
  detached: true,
  stdio: ['pipe', 'inherit', 'inherit'],
});

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());

/** @returns tap's exit code, null when it was ended by a signal or never came to run */
const runTap = async (outputFile: string): Promise<number | null> => {
  const servers = await startServers(folder);
  if (stop.signal.aborted) return null;
  // Where nobody watches, the failures are enough; together with a file, tap's own default says everything twice.
  const reporter = process.stdout.isTTY ? [] : ['--reporter=min'];
  const args = [`--output-file=${outputFile}`, ...reporter, ...process.argv.slice(2)];
  const env = { ...process.env, ...servers };
  // In a group of its own: on a signal tap waits for its test files, so these have to get it as well.
  const tap = spawn('node_modules/.bin/tap', args, { detached: true, stdio: 'inherit', env });
  await once(tap, 'spawn');
  const { pid } = tap;
  if (pid) stop.signal.addEventListener('abort', () => tap.exitCode ?? process.kill(-pid, 'SIGTERM'));
  const [code] = await once(tap, 'exit');
  return code;
};

const outputFile = join(folder, 'output.tap');
const exitCode = await runTap(outputFile).catch((error: Error) => {
  console.error(error.message);
  return null;
});
const output = existsSync(outputFile) ? readFileSync(outputFile, 'utf8') : '';
const { passed, failed, problems } = tally(output, exitCode);
guard.stdin.end();
await once(guard, 'exit');
for (const [file] of output.matchAll(/^(not )?ok .*$/gm)) console.log(file);
for (const problem of problems) console.error(problem);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : exitCode || 1;
