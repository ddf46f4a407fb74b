/** A copy of this checkout, built, with ports of its own: what start_services.sh and stop_services.sh are tried in. */
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, whoAnswers } from '../../ops/ports.ts';
import { scratchFolder } from '../../testbed/scratch.ts';
import { withoutTap } from '../../testbed/spawn.ts';
import type { Teardown } from '../../testbed/teardown.ts';

const origin = fileURLToPath(new URL('../..', import.meta.url));
const leftOut = /^(node_modules|\.git|\.tap|\.data|\.env|.*\.(log|pid))$/;

export interface Outcome {
  code: number | null;
  /** Standard output and standard error together. */
  output: string;
}

export interface Running {
  outcome: Promise<Outcome>;
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** What Ctrl-C in a terminal does: each process of the foreground gets the signal. */
  killGroup(signal: NodeJS.Signals): void;
  type(text: string): void;
}

const copyTo = (folder: string) => {
  for (const name of readdirSync(origin).filter((one) => !leftOut.test(one)))
    cpSync(join(origin, name), join(folder, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(origin, 'node_modules'), join(folder, 'node_modules'));
  // The folders are new, the build is that of the original.
  utimesSync(join(folder, 'dist/.built'), new Date(), new Date());
};

/**
 * Copies the checkout as it is and returns how to use the copy. What its start script has started is stopped
 * when the test ends.
 * @param own settings that win over those of its own servers, which it starts otherwise
 */
export const makeCheckout = async (t: Teardown, own: NodeJS.ProcessEnv = {}) => {
  const [port, mysql, redis, rabbitmq] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const scratch = scratchFolder(t, () => stop());
  const folder = join(scratch, 'check out');
  const noDocker = join(scratch, 'no-docker');
  const settings: NodeJS.ProcessEnv = {
    HOME: process.env.HOME,
    PATH: `${noDocker}:${process.env.PATH}`,
    HOST: '127.0.0.1',
    PORT: `${port}`,
    DB_PORT: `${mysql}`,
    REDIS_URL: `redis://127.0.0.1:${redis}/0`,
    RABBITMQ_PORT: `${rabbitmq}`,
    API_WORKERS: '1',
    WORKER_COUNT: '2',
    SIMULATED_WRITE_LAG: '0',
    ...own,
  };

  /** Runs a script of the copy, from another folder. */
  const begin = (script: string, args: string[] = [], overrides: NodeJS.ProcessEnv = {}): Running => {
    let output = '';
    const child = spawn(...withoutTap(script, ...args), {
      cwd: '/',
      env: { ...settings, ...overrides },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    child.stdin.on('error', () => {}); // what it does not read is no error
    const collect = (text: Buffer) => {
      output += text;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const outcome = new Promise<Outcome>((resolve) => {
      child.once('close', (code) => resolve({ code, output }));
    });
    return {
      outcome,
      output: () => output,
      kill: (signal) => child.kill(signal),
      killGroup: (signal) => process.kill(-(child.pid ?? Number.NaN), signal),
      type: (text) => child.stdin.write(text),
    };
  };
  const start = (overrides?: NodeJS.ProcessEnv) =>
    begin(join(folder, 'start_services.sh'), [], overrides).outcome;
  const stop = (...args: string[]) => begin(join(folder, 'stop_services.sh'), args).outcome;

  // Only now that `stop` is there: the teardown calls it also where this throws.
  copyTo(folder);
  mkdirSync(noDocker);
  writeFileSync(join(noDocker, 'docker'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });

  const foldersOfPids = [
    folder,
    ...['mysql', 'redis', 'rabbitmq'].map((name) => join(folder, '.data', name)),
  ];
  /** Every PID that a PID file names, by the file's path in the copy. */
  const pids = (): Record<string, number> =>
    Object.fromEntries(
      foldersOfPids
        .filter(existsSync)
        .flatMap((place) => readdirSync(place).map((name) => join(place, name)))
        .filter((file) => file.endsWith('.pid'))
        .map((file) => [relative(folder, file), Number(readFileSync(file, 'utf8'))]),
    );
  /** Which of its ports are in use. */
  const portsInUse = async (): Promise<number[]> => {
    const ports = [port, mysql, redis, rabbitmq];
    const answers = await Promise.all(ports.map((one) => whoAnswers('127.0.0.1', one)));
    return ports.filter((_, i) => answers[i] !== 'none');
  };

  return { folder, url: `http://127.0.0.1:${port}`, port, begin, start, stop, pids, portsInUse };
};
