/** Reads from /proc what processes use of the machine (proc(5)), so it runs on Linux only. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Line } from '../cli/load/plots.ts';
import { waitFor } from '../ops/processes.ts';

/** How many ticks of the times in /proc a second has. Linux shows 100 to all programs, whatever it uses inside. */
const TICKS_PER_SECOND = 100;
const HEAP_WITHIN_MS = 5_000;

/** The memory that a process has in RAM, in MB of 1,000,000 bytes; NaN if the process is gone. */
export const residentMb = (pid: number): number => {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (Number(kib) * 1024) / 1e6;
  } catch {
    return Number.NaN;
  }
};

/**
 * The seconds of CPU that processes have used so far, with all their threads and the children that have ended.
 * @throws Error if one of them is gone
 */
export const cpuSeconds = (pids: number[]): number => {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold anything, stands field 3; the four times are the fields 14 to 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const field of fields.slice(11, 15)) ticks += Number(field);
  }
  return ticks / TICKS_PER_SECOND;
};

/**
 * The memory that a process keeps after garbage collection, in MB of 1,000,000 bytes; NaN if the process does not
 * answer.
 * @param folder in which it works; the process must have loaded testbed/heap.mjs
 */
export const retainedMb = async (pid: number, folder: string): Promise<number> => {
  const file = join(folder, `heap.${pid}`);
  rmSync(file, { force: true });
  try {
    process.kill(pid, 'SIGUSR2');
  } catch {
    return Number.NaN;
  }
  const told = await waitFor(() => existsSync(file) || undefined, HEAP_WITHIN_MS);
  return told ? Number(readFileSync(file, 'utf8')) / 1e6 : Number.NaN;
};

/**
 * Measures the memory of processes at intervals.
 * @param processes PIDs by name
 * @param measure returns the memory of one of them, in MB
 */
export const watchMemory = (
  processes: Record<string, number>,
  everyMs: number,
  measure: (pid: number) => number | Promise<number> = residentMb,
) => {
  const start = performance.now();
  const lines: Line[] = Object.keys(processes).map((name) => ({ name, points: [] }));
  const sample = async () => {
    const seconds = (performance.now() - start) / 1000;
    for (const { name, points } of lines) points.push([seconds, await measure(processes[name] ?? 0)]);
  };
  let sampling = sample();
  const timer = setInterval(() => {
    sampling = sampling.then(sample);
  }, everyMs);
  // A case that fails does not come to stop it.
  timer.unref();
  return {
    /** Ends it. @returns a line for each process, with points of seconds since the start and MB */
    stop: async (): Promise<Line[]> => {
      clearInterval(timer);
      await sampling;
      await sample();
      return lines;
    },
  };
};

const mean = (numbers: number[]) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

/** How much more a process had on average in the last quarter of the time than in the second. */
export const growth = ({ points }: Line): number => {
  const values = points.map(([, mb]) => mb);
  const quarter = Math.max(1, Math.floor(values.length / 4));
  return mean(values.slice(-quarter)) / mean(values.slice(quarter, 2 * quarter));
};
