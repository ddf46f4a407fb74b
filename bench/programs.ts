/** Starts the processes of a benchmark from the build: those that are measured, compared with, and that measure. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from 'amqplib';
import { freePort } from '../ops/ports.ts';
import { lastLines, logSince, waitFor } from '../ops/processes.ts';
import { loadConfig } from '../process/config.ts';

const START_TIMEOUT_MS = 30_000;
export const CONSUMERS = 4;

/** The `dist` folder that this file is in. */
export const ownBuild = fileURLToPath(new URL('..', import.meta.url));

/** The path of a program in a build. @param program its file, without the extension */
export const builtFile = (program: string, build = ownBuild): string => join(build, `${program}.js`);

export interface Program {
  name: string;
  pid: number;
  /** Kills the program and its children at once; nothing that they have is kept. */
  stop(): Promise<void>;
}

interface Start {
  name: string;
  /** Its file in the build, without the extension. */
  program: string;
  build?: string | undefined;
  args?: string[];
  env: NodeJS.ProcessEnv;
  /** The folder in which it works and has its log. The folder's guard ends it. */
  folder: string;
  /** Returns whether the program is at work. @param log what its log says by now */
  works: (log: string) => boolean | Promise<boolean>;
}

const says =
  (text: string, times: number) =>
  (log: string): boolean =>
    log.split(text).length > times;

const isOver = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

/** Starts a program and waits until it works. @throws Error with the end of its log if it does not within 30 s */
const startProgram = async ({ name, program, build, args = [], env, folder, works }: Start) => {
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [builtFile(program, build), ...args], {
    env,
    cwd: folder,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no PID.`);
  const stop = async () => {
    if (isOver(child)) return;
    const exit = once(child, 'exit');
    process.kill(-pid, 'SIGKILL');
    await exit;
  };
  const isReady = async () => isOver(child) || (await works(logSince(logFile, 0))) || undefined;
  if ((await waitFor(isReady, START_TIMEOUT_MS)) && !isOver(child)) return { name, pid, stop };
  await stop();
  throw new Error(`${name} did not start. The end of its log:\n${lastLines(logSince(logFile, 0))}`);
};

const startServer = async (start: Start) => {
  const port = await freePort();
  const program = await startProgram({ ...start, env: { ...start.env, PORT: String(port) } });
  return { ...program, url: `http://127.0.0.1:${port}` };
};

/** Starts an API with API_WORKERS workers and waits until all of them listen. */
export const startApi = (folder: string, name: string, env: NodeJS.ProcessEnv, build?: string) =>
  startServer({
    name,
    program: 'api/server',
    build,
    env,
    folder,
    works: says('Server listening at', Number(env.API_WORKERS)),
  });

/** Starts the bare server with as many workers. */
export const startBare = (folder: string, name: string, env: NodeJS.ProcessEnv) =>
  startServer({
    name,
    program: 'bench/bare/server',
    env,
    folder,
    works: says('listening', Number(env.API_WORKERS)),
  });

/**
 * Starts consumers and waits until RabbitMQ has all of them. It asks RabbitMQ, as an older build may not tell by
 * itself.
 */
export const startConsumers = async (
  folder: string,
  name: string,
  env: NodeJS.ProcessEnv,
  build?: string,
): Promise<Program[]> => {
  const { queue, ...server } = loadConfig(env).rabbitmq;
  const rabbitmq = await connect(server);
  const channel = await rabbitmq.createChannel();
  const works = async () => (await channel.checkQueue(queue)).consumerCount >= CONSUMERS;
  const consumers = await Promise.all(
    Array.from({ length: CONSUMERS }, (_, i) =>
      startProgram({
        name: `${name} consumer ${i + 1}`,
        program: 'consumer/worker',
        build,
        args: [String(i + 1)],
        env,
        folder,
        works,
      }),
    ),
  );
  await rabbitmq.close();
  return consumers;
};

/**
 * Starts a program that gets messages which tell it what to do.
 * @returns `ask`, which sends it a message and waits for the answer, and `stop`
 */
export const startWorker = <Question extends object | string, Answer>(
  folder: string,
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
) => {
  const child = fork(builtFile(program), args, {
    cwd: folder,
    execArgv: [],
    env,
    serialization: 'advanced',
  });
  return {
    /** Asks it something, and waits for the answer. @throws Error if it ends instead */
    ask: async (question: Question): Promise<Answer> => {
      const settled = new AbortController();
      const { signal } = settled;
      const ended = once(child, 'exit', { signal }).then(() => {
        throw new Error(`${program} ended unasked.`);
      });
      try {
        const answer = once(child, 'message', { signal });
        child.send(question);
        const [value] = await Promise.race([answer, ended]);
        return value as Answer;
      } finally {
        settled.abort();
        ended.catch(() => {});
      }
    },
    stop: async (): Promise<void> => {
      if (isOver(child)) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
};
