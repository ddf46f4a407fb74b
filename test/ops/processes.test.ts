/** Background processes: found again by PID file and command line, stopped kindly, then not. */
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { logSince, logSize, runningPid, startDetached, stopProcess, waitFor } from '../../ops/processes.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { withoutTap } from '../../testbed/spawn.ts';
import { until } from '../../testbed/until.ts';

/** Starts a shell that runs `script` and has a word of its own on its command line. */
const startShell = async (t: Test, script: string) => {
  const folder = scratchFolder(t, () => stopProcess(tracked, 0));
  const marker = join(folder, 'marker');
  const tracked = { pidFile: join(folder, 'shell.pid'), marker: `${marker} ` };
  const logFile = join(folder, 'shell.log');
  const args = ['-c', `echo ready; ${script}`, marker];
  const pid = await startDetached({
    command: 'bash',
    args,
    cwd: folder,
    env: process.env,
    logFile,
    ...tracked,
  });
  await until('it is ready', () => logSince(logFile, 0).includes('ready'));
  return { tracked, logFile, pid };
};
const sleeping = 'while :; do sleep 0.1; done';

t.test('a started process is found, stopped with SIGTERM, and leaves no PID file', async (t) => {
  const { tracked, logFile, pid } = await startShell(t, `trap 'echo bye; exit' TERM; ${sleeping}`);
  t.equal(runningPid(tracked), pid);
  t.equal(readFileSync(tracked.pidFile, 'utf8'), `${pid}\n`);
  t.equal(await stopProcess(tracked, 5000), 'stopped');
  t.match(logSince(logFile, 0), 'bye');
  t.notOk(existsSync(tracked.pidFile));
  t.equal(await stopProcess(tracked, 5000), 'not running');
});

t.test('a process is found while it becomes another program', async (t) => {
  const { tracked, pid } = await startShell(t, 'exec bash -c "$BASH_EXECUTION_STRING" "$0"');
  const found = Array.from({ length: 10_000 }, () => runningPid(tracked));
  t.strictSame(new Set(found), new Set([pid]));
});

t.test('a process that ignores SIGTERM is killed, and its children with it', async (t) => {
  const { tracked, logFile } = await startShell(
    t,
    `trap '' TERM; (echo child $BASHPID; ${sleeping}) & ${sleeping}`,
  );
  await until('its child is there', () => logSince(logFile, 0).includes('child'));
  const child = Number(logSince(logFile, 0).match(/child (\d+)/)?.[1]);
  t.equal(await stopProcess(tracked, 200), 'killed');
  t.equal(runningPid(tracked), undefined);
  await until('its child is gone', () => !readFileIfAny(`/proc/${child}/cmdline`));
});
const readFileIfAny = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

t.test('a frozen process group ends by itself all the same', async (t) => {
  const { tracked, pid } = await startShell(t, `trap exit TERM; ${sleeping}`);
  process.kill(-pid, 'SIGSTOP');
  t.equal(await stopProcess(tracked, 5000), 'stopped');
});

t.test('a PID file that means nothing, or somebody else, is no running process', async (t) => {
  const pidFile = join(t.testdir(), 'some.pid');
  const other = spawn('sleep', ['100']);
  t.teardown(() => other.kill('SIGKILL'));
  for (const text of ['', 'nonsense', '0', '-1', '4194305', `${other.pid}`]) {
    writeFileSync(pidFile, text);
    t.equal(runningPid({ pidFile, marker: 'server.js ' }), undefined, JSON.stringify(text));
  }
  t.equal(await stopProcess({ pidFile, marker: 'server.js ' }, 1000), 'not running');
  t.equal(other.signalCode, null, 'it was left alone');
  writeFileSync(pidFile, `${other.pid}`);
  await until('it is found', () => runningPid({ pidFile, marker: 'sleep 100 ' }) === other.pid);
  t.equal(runningPid({ pidFile, marker: 'sleep 10 ' }), undefined, 'a marker ends with its word');
});

t.test('a zombie counts as gone', async (t) => {
  // The child ends when its parent is no shell any more, as a shell would reap it.
  const child = 'until read -r name </proc/$$/comm && [ "$name" = sleep ]; do :; done';
  const { tracked, logFile } = await startShell(t, `{ ${child}; } & echo zombie $!; exec sleep 100`);
  await until('its child is there', () => logSince(logFile, 0).includes('zombie'));
  const zombie = Number(logSince(logFile, 0).match(/zombie (\d+)/)?.[1]);
  await until('it has ended', () => / Z /.test(readFileSync(`/proc/${zombie}/stat`, 'utf8')));
  const pidFile = `${tracked.pidFile}.zombie`;
  writeFileSync(pidFile, `${zombie}`);
  t.equal(runningPid({ pidFile, marker: 'sleep' }), undefined);
  t.doesNotThrow(() => process.kill(zombie, 0), 'its PID is still there');
});

t.test('whenever a start is killed, what runs has its PID file once the lock is free', async (t) => {
  const folder = scratchFolder(t, () => Promise.all(started().map((pid) => process.kill(pid, 'SIGKILL'))));
  const cmdline = (pid: number): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  };
  /** All that run here, by their command lines. */
  const started = () =>
    readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && cmdline(pid).startsWith(`sleep-in ${folder}\0`));
  const source = `
    import { startDetached } from ${JSON.stringify(import.meta.resolve('../../ops/processes.ts'))};
    const [folder, round] = process.argv.slice(1);
    for (let i = 0; i < 100; i++)
      await startDetached({
        command: 'sleep', argv0: 'sleep-in ' + folder, args: ['100'], cwd: folder, env: process.env,
        logFile: folder + '/log', pidFile: folder + '/' + round + '_' + i + '.pid', marker: folder,
      });`;
  const lock = join(folder, 'lock');
  for (let round = 0; round < 6; round++) {
    const node = `exec ${process.execPath} --import=${import.meta.resolve('tsx')} --input-type=module -e "$0" "$@"`;
    const script = `exec 9>'${lock}'; flock 9; export ORDERS_LOCK=9; ${node}`;
    const child = spawn(...withoutTap('bash', '-c', script, source, folder, `${round}`), {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await until('it has begun', () => readdirSync(folder).some((file) => file.startsWith(`${round}_`)));
    await sleep(Math.random() * 60);
    child.kill('SIGKILL');
    spawnSync('flock', [lock, 'true']);
    const pids = readdirSync(folder)
      .filter((file) => file.endsWith('.pid'))
      .map((file) => Number(readFileSync(join(folder, file), 'utf8')));
    for (const pid of started()) t.ok(pids.includes(pid), `process ${pid} of round ${round}`);
  }
  t.ok(started().length > 0);
});

t.test('a log of any size is read at its end', async (t) => {
  const file = join(t.testdir(), 'log');
  writeFileSync(file, 'begin\n');
  truncateSync(file, 3 * 2 ** 30);
  t.equal(logSize(file), 3 * 2 ** 30);
  appendFileSync(file, 'end\n');
  t.equal(logSince(file, 3 * 2 ** 30), 'end\n');
  t.equal(logSince(file, 0).length, 2 ** 20);
  writeFileSync(file, 'emptied\n');
  t.equal(logSince(file, 3 * 2 ** 30), 'emptied\n');
});

t.test('a PID file or a log that cannot be written: nothing is started', async (t) => {
  const folder = t.testdir({ folder: {} });
  const place = { cwd: folder, marker: 'x', command: 'sleep', args: ['100'], env: process.env };
  const [pidFile, logFile] = [join(folder, 'pid'), join(folder, 'log')];
  await t.rejects(startDetached({ ...place, logFile, pidFile: join(folder, 'folder') }), {
    message: /folder cannot be written: EISDIR/,
  });
  await t.rejects(startDetached({ ...place, pidFile, logFile: join(folder, 'folder') }), {
    message: /folder cannot be written: EISDIR/,
  });
});

t.test('a program that cannot be run is an error', async (t) => {
  const folder = t.testdir();
  const place = { cwd: folder, logFile: join(folder, 'log'), pidFile: join(folder, 'pid'), marker: 'x' };
  await t.rejects(startDetached({ ...place, command: join(folder, 'none'), args: [], env: {} }), {
    code: 'ENOENT',
  });
  t.notOk(existsSync(place.pidFile));
});

t.test('waiting gives up at its deadline', async (t) => {
  t.equal(await waitFor(() => undefined, 100), undefined);
  let asked = 0;
  t.equal(await waitFor(() => (++asked === 3 ? 'third' : undefined), 5000), 'third');
});
