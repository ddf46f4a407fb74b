/** Background processes and their PID files. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process as it is found again. */
export interface Tracked {
  pidFile: string;
  /** Part of its command line that no other program has; a blank follows every word, the last one too. */
  marker: string;
}

const hasProc = existsSync('/proc/self/cmdline');

/** Longer, in milliseconds, than a process takes to become another program (execve(2)). */
const EXEC_MS = 200;

const isZombie = (pid: number): boolean => /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

/** Nobody else has anything to do meanwhile. */
const pauseMs = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** The command line of a live process, words separated by blanks; empty for a zombie or where none has `pid`. */
export const commandLine = (pid: number): string => {
  if (!hasProc) return spawnSync('ps', ['-p', `${pid}`, '-o', 'args='], { encoding: 'utf8' }).stdout.trim();
  try {
    // It is empty while the process becomes another program, as a server's script becomes the server.
    for (let tries = 0; ; tries++) {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (line !== '' || tries === EXEC_MS || isZombie(pid)) return line;
      pauseMs(1);
    }
  } catch {
    return '';
  }
};

/** The PID of a tracked process while it runs; undefined when it is gone or its PID is another program's now. */
export const runningPid = ({ pidFile, marker }: Tracked): number | undefined => {
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return `${commandLine(pid)} `.includes(marker) ? pid : undefined;
};

export interface Start extends Tracked {
  command: string;
  args: string[];
  /** What its command line begins with; by default `command`. */
  argv0?: string;
  /** stdout and stderr are appended to it. */
  logFile: string;
  cwd: string;
  env: NodeJS.ProcessEnv;
}

/**
 * Starts a process in a session of its own, so that Ctrl-C in this terminal does not reach it, and writes its
 * PID file.
 * @returns its PID
 * @throws Error when the program cannot be run
 */
export const startDetached = async (start: Start): Promise<number> => {
  const { command, args, argv0, cwd, env, pidFile } = start;
  const log = openSync(start.logFile, 'a', 0o600);
  try {
    const child = spawn(command, args, { argv0, cwd, env, detached: true, stdio: ['ignore', log, log] });
    await once(child, 'spawn');
    child.unref();
    const { pid } = child;
    if (pid === undefined) throw new Error(`${command} has no PID.`);
    writeFileSync(pidFile, `${pid}\n`);
    return pid;
  } finally {
    closeSync(log);
  }
};

/**
 * Waits until `check` gives something, asking every 50 ms.
 * @returns what it gave, or undefined after `timeoutMs`
 */
export const waitFor = async <T>(
  check: () => T | undefined | Promise<T | undefined>,
  timeoutMs: number,
): Promise<T | undefined> => {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined || Date.now() >= deadline) return value;
    await sleep(50);
  }
};

/** A process that ends between the check and the signal is as good as signalled. */
const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

export type Stopped = 'not running' | 'stopped' | 'killed';

/**
 * Ends a tracked process with SIGTERM, after `timeoutMs` with SIGKILL to its whole process group, and removes
 * its PID file.
 */
export const stopProcess = async (tracked: Tracked, timeoutMs: number): Promise<Stopped> => {
  const pid = runningPid(tracked);
  const gone = () => (runningPid(tracked) === pid ? undefined : true);
  let outcome: Stopped = 'not running';
  if (pid !== undefined) {
    outcome = 'stopped';
    signal(pid, 'SIGTERM');
    // A frozen process (SIGSTOP) takes notice of SIGTERM only when it goes on; so do the children it waits for.
    for (const target of [-pid, pid]) signal(target, 'SIGCONT');
    if (!(await waitFor(gone, timeoutMs))) {
      outcome = 'killed';
      for (const target of [-pid, pid]) signal(target, 'SIGKILL');
      await waitFor(gone, 5000);
    }
  }
  rmSync(tracked.pidFile, { force: true });
  return outcome;
};

/** How long a log is by now, in bytes: `logSince` this shows only what comes later. */
export const logSize = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

/** What a log says from byte `from` on. */
export const logSince = (file: string, from: number): string =>
  existsSync(file) ? readFileSync(file).subarray(from).toString() : '';

/** The last 20 lines of a text, for an error message. */
export const lastLines = (text: string): string => text.trimEnd().split('\n').slice(-20).join('\n');
