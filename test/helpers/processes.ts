/** Real processes of the service, from the build, as start_services.sh starts them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../process/config.ts';
import { withoutTap } from '../../testbed/spawn.ts';
import type { Teardown } from '../../testbed/teardown.ts';
import { until } from '../../testbed/until.ts';

interface Test extends Teardown {
  testdir(): string;
}

const programs = {
  api: fileURLToPath(new URL('../../dist/api/server.js', import.meta.url)),
  consumer: fileURLToPath(new URL('../../dist/consumer/worker.js', import.meta.url)),
  hub: fileURLToPath(new URL('../../dist/hub/worker.js', import.meta.url)),
  supervisor: fileURLToPath(new URL('../../dist/consumer/supervisor.js', import.meta.url)),
};

/** Tests run beside each other: a busy machine is no failure. */
const START_WITHIN_MS = 60_000;

export interface Running {
  child: ChildProcess;
  /** All it has printed so far. */
  output(): string;
  /** Waits for a text in its output. */
  says(text: string): Promise<void>;
  /** Sends a signal and waits for the end: its exit code, or the signal that ended it. */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/**
 * Starts a process; what still runs when the test ends is killed.
 * @param imports modules that it loads before all else
 * @param node the Node.js that runs it, by default that of the tests
 */
export const startProcess = (
  t: Test,
  program: keyof typeof programs,
  env: NodeJS.ProcessEnv,
  imports: URL[] = [],
  node = process.execPath,
): Running => {
  let output = '';
  const options = imports.map((url) => `--import=${url}`);
  const child = spawn(...withoutTap(node, ...options, programs[program], '1'), {
    env,
    cwd: t.testdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const collect = (text: Buffer) => {
    output += text;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = once(child, 'exit').then(([code, signal]) => code ?? signal);
  const end = (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };
  t.teardown(() => end('SIGKILL'));
  return {
    child,
    output: () => output,
    end,
    says: async (text) => {
      await until(`${program} says ${JSON.stringify(text)}`, () => {
        if (output.includes(text)) return true;
        if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}: ${output}`);
        return false;
      });
    },
  };
};

/** Starts an API, with the processes that `API_WORKERS` of `env` says, and consumers; returns when all of them are ready. */
export const startService = async (t: Test, env: NodeJS.ProcessEnv, { consumers = 1 } = {}) => {
  const { workers } = loadConfig(env).api;
  const api = startProcess(t, 'api', env);
  const started = Array.from({ length: consumers }, () => startProcess(t, 'consumer', env));
  const ready = 'RabbitMQ is reached';
  await until('all API workers are ready', () => api.output().split(ready).length > workers, START_WITHIN_MS);
  await api.says('listening on');
  await Promise.all(started.map((consumer) => consumer.says('consuming')));
  return { api, consumers: started };
};
