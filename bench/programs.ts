/**
 * Starts the processes of a benchmark. What is measured comes from the build. What it is compared with, and what
 * measures, comes from the source: tsx compiles it as it is loaded, and then it runs like any other JavaScript.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../ops/ports.ts';
import { lastLines, logSince, waitFor } from '../ops/processes.ts';
import { loadConfig } from '../process/config.ts';
import { connectOnce } from '../queue/connection.ts';
import { allWorkersServe } from '../testbed/workers.ts';

const START_TIMEOUT_MS = 60_000;
/** As many as there are by default on two cores, whatever the machine has. */
export const CONSUMERS = 2;

const root = fileURLToPath(new URL('..', import.meta.url));

/** The `dist` folder of this checkout. */
export const ownBuild = join(root, 'dist');

/** Node's arguments for a program of the source, whatever folder it works in. */
const fromSource = (program: string) => [
  `--import=${import.meta.resolve('tsx')}`,
  join(root, `${program}.ts`),
];

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
  /** Node's arguments: the program and its own. */
  args: string[];
  env: NodeJS.ProcessEnv;
  /** The folder in which it works and has its log. The folder's guard ends it. */
  folder: string;
  /** Returns whether the program is at work. */
  works: (pid: number) => Promise<boolean>;
}

const isOver = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

/** Starts a program and waits until it works. @throws Error with the end of its log if it does not within 60 s */
const startProgram = async ({ name, args, env, folder, works }: Start) => {
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, args, {
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
  const isReady = async () => isOver(child) || (await works(pid)) || undefined;
  if ((await waitFor(isReady, START_TIMEOUT_MS)) && !isOver(child)) return { name, pid, stop };
  await stop();
  throw new Error(`${name} did not start. The end of its log:\n${lastLines(logSince(logFile, 0))}`);
};

/** Starts a server with API_WORKERS workers and waits until all of them serve. */
const startServer = async ({ env, ...start }: Omit<Start, 'works'>) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const program = await startProgram({
    ...start,
    env: { ...env, PORT: String(port) },
    works: (pid) => allWorkersServe(pid, url, Number(env.API_WORKERS)),
  });
  return { ...program, url };
};

export const startApi = (folder: string, name: string, env: NodeJS.ProcessEnv, build?: string) =>
  startServer({ name, args: [builtFile('api/server', build)], env, folder });

export const startBare = (folder: string, name: string, env: NodeJS.ProcessEnv) =>
  startServer({ name, args: fromSource('bench/bare/server'), env, folder });

/** Starts the hub, if the build has one: an older one does not. */
const startHub = async (
  folder: string,
  name: string,
  env: NodeJS.ProcessEnv,
  build?: string,
): Promise<Program[]> => {
  const program = builtFile('hub/worker', build);
  if (!existsSync(program)) return [];
  const ready = join(folder, `${name} hub.ready`);
  return [
    await startProgram({
      name: `${name} hub`,
      args: [program],
      env: { ...env, READY_FILE: ready },
      folder,
      works: async () => existsSync(ready),
    }),
  ];
};

/**
 * Starts consumers, and the hub, which passes on what they do. Waits until RabbitMQ has all of them. It asks RabbitMQ, as an older build may not tell by
 * itself.
 */
export const startConsumers = async (
  folder: string,
  name: string,
  env: NodeJS.ProcessEnv,
  build?: string,
): Promise<Program[]> => {
  const config = loadConfig(env).rabbitmq;
  const { queue } = config;
  const rabbitmq = await connectOnce(config, 'benchmark');
  const channel = await rabbitmq.createChannel();
  const works = async () => (await channel.checkQueue(queue)).consumerCount >= CONSUMERS;
  const consumers = await Promise.all(
    Array.from({ length: CONSUMERS }, (_, i) =>
      startProgram({
        name: `${name} consumer ${i + 1}`,
        args: [builtFile('consumer/worker', build), String(i + 1)],
        env,
        folder,
        works,
      }),
    ),
  );
  await rabbitmq.close();
  return [...consumers, ...(await startHub(folder, name, env, build))];
};

/**
 * Starts a program of the source that gets messages which tell it what to do.
 * @param program its file in the project, without the extension
 * @returns `ask`, which sends it a message and waits for the answer, and `stop`
 */
export const startWorker = <Question extends object | string, Answer>(
  folder: string,
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
) => {
  const [loader = '', file = ''] = fromSource(program);
  const child = fork(file, args, {
    cwd: folder,
    execArgv: [loader],
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
