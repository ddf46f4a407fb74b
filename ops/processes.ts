/** Background processes and their PID files. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
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
/** The same for a shell to begin and write a file, on a busy machine. */
const PID_FILE_MS = 10_000;

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
 * The lock of this start (ops/prepare.sh), for the `stdio` of a child: the next start or stop then waits for that child
 * too, should this process be killed. Nothing where there is no such lock.
 */
export const heldLock = (): number[] => {
  const descriptor = Number(process.env.ORDERS_LOCK);
  return descriptor > 2 ? [descriptor] : [];
};

/**
 * Writes its PID, gives the lock back and becomes the program: there is no moment at which that runs without its PID
 * file, whoever is killed when. $1: what the program's command line begins with, $2: the program, then its arguments.
 */
const BECOME = 'unset ORDERS_LOCK; echo "$$" >&3 && exec 3>&- 4>&- && exec -a "$@"';

/** @throws Error with one sentence */
const open = (file: string, flags: string, mode: number): number => {
  try {
    return openSync(file, flags, mode);
  } catch (error) {
    throw new Error(`${file} cannot be written: ${error instanceof Error ? error.message : error}.`);
  }
};

/**
 * Starts a process in a session of its own, so that Ctrl-C in this terminal does not reach it, with its PID file.
 * @returns its PID
 * @throws Error when the program cannot be run, or its log or PID file not be written
 */
export const startDetached = async (start: Start): Promise<number> => {
  const { command, args, argv0 = command, cwd, env, logFile, pidFile } = start;
  if (command.includes('/')) accessSync(command, constants.X_OK);
  const log = open(logFile, 'a', 0o600);
  try {
    const pids = open(pidFile, 'w', 0o644);
    try {
      const child = spawn('bash', ['-c', BECOME, pidFile, argv0, command, ...args], {
        cwd,
        env,
        detached: true,
        stdio: ['ignore', log, log, pids, ...heldLock()],
      });
      await once(child, 'spawn');
      child.unref();
      const written = () => readFileSync(pidFile, 'utf8') === `${child.pid}\n` || undefined;
      const ended = () => child.exitCode !== null || child.signalCode !== null || undefined;
      await waitFor(() => written() ?? ended(), PID_FILE_MS, 5);
      if (child.pid !== undefined && written()) return child.pid;
      child.kill('SIGKILL');
      rmSync(pidFile, { force: true });
      throw new Error(`${pidFile} was not written, so ${command} was not started: is the disk full?`);
    } finally {
      closeSync(pids);
    }
  } finally {
    closeSync(log);
  }
};

/**
 * Waits until `check` gives something, asking every `intervalMs`.
 * @returns what it gave, or undefined after `timeoutMs`
 */
export const waitFor = async <T>(
  check: () => T | undefined | Promise<T | undefined>,
  timeoutMs: number,
  intervalMs = 50,
): Promise<T | undefined> => {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined || Date.now() >= deadline) return value;
    await sleep(intervalMs);
  }
};

/** A process that ends between the check and the signal is as good as signalled. */
const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM')
      throw new Error(`Process ${Math.abs(pid)} belongs to another user: stop it as that user, or as root.`);
    if (code !== 'ESRCH') throw error;
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

const LOG_READ_MAX = 2 ** 20;

/**
 * What a log says from byte `from` on: of more than a MiB the end of it, as the file may be of any size. One that is
 * shorter by now was emptied meanwhile, and all of it is new.
 */
export const logSince = (file: string, from: number): string => {
  const size = logSize(file);
  const begin = Math.max(size < from ? 0 : from, size - LOG_READ_MAX);
  if (begin >= size) return '';
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(size - begin);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, begin)).toString();
  } finally {
    closeSync(descriptor);
  }
};

/** The last 20 lines of a text, for an error message. */
export const lastLines = (text: string): string => text.trimEnd().split('\n').slice(-20).join('\n');
