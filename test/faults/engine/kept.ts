/** Processes of the service that scenarios kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutTap } from '../../../testbed/spawn.ts';

const RESTART_PAUSE_MS = 100;

/** A process that is started again whenever it ends without being asked to. @param program the Node.js that runs it */
export const keepAlive = (
  program: string,
  args: string[],
  { env, cwd, logFile }: { env: NodeJS.ProcessEnv; cwd: string; logFile: string },
) => {
  let child: ChildProcess | undefined;
  let wanted = false;
  let deaths = 0;

  const start = () => {
    const log = openSync(logFile, 'a');
    child = spawn(...withoutTap(program, ...args), {
      env,
      cwd,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.once('exit', async () => {
      if (!wanted) return;
      deaths++;
      await sleep(RESTART_PAUSE_MS);
      if (wanted) start();
    });
  };
  return {
    start: () => {
      wanted = true;
      start();
    },
    kill: (signal: NodeJS.Signals = 'SIGKILL') => child?.kill(signal),
    pid: () => child?.pid,
    deaths: () => deaths,
    /** Ends it for good. @returns its exit code, null where a signal ended it */
    stop: async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
      wanted = false;
      if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
      child.kill(signal);
      const [code] = await once(child, 'exit');
      return code;
    },
  };
};
export type Kept = ReturnType<typeof keepAlive>;
