/** The command line, from the build. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { withoutTap } from '../../testbed/spawn.ts';
import type { Teardown } from '../../testbed/teardown.ts';

export const program = fileURLToPath(new URL('../../dist/cli/orders.js', import.meta.url));

interface Test extends Teardown {
  testdir(): string;
}
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}
export interface Started {
  child: ChildProcess;
  /** What it has printed so far. */
  said: { stdout: string; stderr: string };
  ended: Promise<Ended>;
}

/** Starts the command in an empty folder; killed when the test ends. @param input what it reads */
export const startCommand = (t: Test, env: NodeJS.ProcessEnv, args: string[], input = ''): Started => {
  const child = spawn(...withoutTap(process.execPath, program, ...args), {
    env,
    cwd: t.testdir(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {}); // what it does not read is no error
  child.stdin.end(input);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (text) => {
      said[name] += text;
    });
  const ended = once(child, 'close').then(([code]) => ({ code, ...said }));
  t.teardown(() => child.kill('SIGKILL'));
  return { child, said, ended };
};

/** Runs the command to its end. */
export const runCommand = (t: Test, env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> =>
  startCommand(t, env, args).ended;

/** The same on a terminal, where both outputs are one. @param typed what is typed once it asks */
export const onTerminal = async (
  t: Test,
  env: NodeJS.ProcessEnv,
  args: string[],
  typed = '',
): Promise<{ code: number | null; output: string }> => {
  const words = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn(...withoutTap('script', '-qec', `stty cols 90; ${words}`, '/dev/null'), {
    env: { ...env, PATH: process.env.PATH, TERM: 'xterm' },
    cwd: t.testdir(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  let hasTyped = typed === '';
  child.stdout.on('data', (text) => {
    output += text;
    if (hasTyped || !output.includes('[y/N] ')) return;
    hasTyped = true;
    child.stdin.write(typed);
  });
  const [code] = await once(child, 'close');
  return { code, output };
};
