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

/** How a background process is found again. */
export interface Tracked {
  pidFile: string;
  /** A part of its command line that no other program has. A blank follows every word, the last one too. */
  marker: string;
  /** The same of what an earlier release has in that file. */
  earlierMarker?: string;
}

const hasProc = existsSync('/proc/self/cmdline');

/** More milliseconds than a process takes to become another program (execve(2)). */
const EXEC_MS = 200;
/** More milliseconds than a shell takes to start and write a file, on a busy machine. */
const PID_FILE_MS = 10_000;

const isZombie = (pid: number): boolean => /\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

/** Stops the whole process for so long, which does no harm: it has nothing else to do. */
const pauseMs = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** The command line of a process, with a blank after each word; empty if it is a zombie or there is none. */
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

/** The PID of a tracked process, or undefined if it is gone, also if another program has its PID by now. */
export const runningPid = ({ pidFile, marker, earlierMarker }: Tracked): number | undefined => {
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const line = `${commandLine(pid)} `;
  return line.includes(marker) || (earlierMarker && line.includes(earlierMarker)) ? pid : undefined;
};

/** The PID of the process that a process belongs to, which is another one once its own is gone; 0 if it has ended. */
export const parentOf = (pid: number): number => {
  if (!hasProc) return Number(spawnSync('ps', ['-p', `${pid}`, '-o', 'ppid='], { encoding: 'utf8' }).stdout);
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').match(/\) \w (\d+) [^)]*$/)?.[1]);
  } catch {
    return 0;
  }
};

export interface Start extends Tracked {
  command: string;
  args: string[];
  /** The first word of its command line; by default `command`. */
  argv0?: string;
  /** The file to which its stdout and stderr are appended. */
  logFile: string;
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Whether it gets the lock too, as ORDERS_LOCK: it starts others, and gives the lock back once these can be found. */
  getsLock?: boolean;
}

/**
 * The lock of this start (ops/prepare.sh), for the `stdio` of a child. If this process is killed, the next start or
 * stop then also waits for that child. Empty if there is no such lock.
 */
export const heldLock = (): number[] => {
  const descriptor = Number(process.env.ORDERS_LOCK);
  return descriptor > 2 ? [descriptor] : [];
};

/** Where a process that is started has the lock. */
const CHILDS_LOCK = 4;
/**
 * A shell that writes its PID and becomes the program. So the program never runs without its PID file, whatever is
 * killed at whatever moment. Its arguments: the first word of the program's command line, the program, the program's
 * arguments.
 * @param closes what it closes first
 */
const become = (closes: string): string => `echo "$$" >&3 && exec ${closes} && exec -a "$@"`;

/** Opens a file for writing. @throws Error with one sentence if that is not possible */
const open = (file: string, flags: string, mode: number): number => {
  try {
    return openSync(file, flags, mode);
  } catch (error) {
    throw new Error(`${file} cannot be written: ${error instanceof Error ? error.message : error}.`);
  }
};

/**
 * Starts a process with a PID file, and in a session of its own, so that Ctrl-C in this terminal does not reach it.
 * @returns its PID
 * @throws Error if the program cannot be run, or its log or PID file cannot be written
 */
export const startDetached = async (start: Start): Promise<number> => {
  const { command, args, argv0 = command, cwd, env, logFile, pidFile, getsLock = false } = start;
  if (command.includes('/')) accessSync(command, constants.X_OK);
  const log = open(logFile, 'a', 0o600);
  try {
    const pids = open(pidFile, 'w', 0o644);
    try {
      const lock = heldLock();
      const keepsLock = getsLock && lock.length > 0;
      const script = become(keepsLock ? '3>&-' : `3>&- ${CHILDS_LOCK}>&-`);
      const child = spawn('bash', ['-c', script, pidFile, argv0, command, ...args], {
        cwd,
        env: { ...env, ORDERS_LOCK: keepsLock ? `${CHILDS_LOCK}` : undefined },
        detached: true,
        stdio: ['ignore', log, log, pids, ...lock],
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
 * Calls `check` every `intervalMs` milliseconds until it returns something.
 * @returns what it returned, or undefined after `timeoutMs` milliseconds
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

/** Sends a signal. If the process has ended meanwhile, that is fine. @throws Error if it belongs to another user */
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
 * Ends a tracked process with SIGTERM, or after `timeoutMs` milliseconds its whole process group with SIGKILL, and
 * removes its PID file.
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

/** How many bytes a log has by now. `logSince` this number gives what is written later. */
export const logSize = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

const LOG_READ_MAX = 2 ** 20;

/**
 * The text of a log from byte `from` on. Of more than a MiB it gives the end only, as the file may have any size. If
 * the log is shorter by now, it was emptied meanwhile, and all of it is given.
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
