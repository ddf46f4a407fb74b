/** The service's own processes: where their PID files and logs are, how each is started, and who keeps which. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../process/config.ts';
import { ConfigError } from '../process/config-error.ts';
import type { Program } from '../process/supervisor.ts';
import { deliveryArguments } from '../queue/stack.ts';
import { commandLine, parentOf, runningPid, type Start, type Tracked } from './processes.ts';

const MAX_PORT = 65_535;

export interface ServiceProcess extends Tracked {
  /** Its name in messages. */
  name: string;
  logFile: string;
  /** A file that it writes when it is at work: the API once all its workers listen. A supervisor has none. */
  readyFile?: string;
}

/** One that start_services.sh starts itself. */
export type StartedProcess = ServiceProcess & Start;

/** One that a supervisor starts, as often as needed. */
export interface SupervisedProcess extends ServiceProcess {
  /** What its files are called. */
  file: string;
  readyFile: string;
  program: Program & { env: NodeJS.ProcessEnv };
}

/** The API's name in messages. */
export const API = 'the API';

/** The file of a program in the build. */
const built = (project: string, program: string): string => join(project, 'dist', program);

const filesOf = (project: string, file: string) => ({
  pidFile: join(project, `${file}.pid`),
  logFile: join(project, `${file}.log`),
  readyFile: join(project, '.data', `${file}.ready`),
});

/** It opens its log itself, so that the file may be moved away. What ends it is there too, from standard error. */
const environmentFor = ({ logFile, readyFile }: { logFile: string; readyFile: string }) => ({
  ...process.env,
  LOG_FILE: logFile,
  READY_FILE: readyFile,
});

/** The API's primary process; its workers are in its process group. */
export const apiProcess = (project: string): StartedProcess & { readyFile: string } => {
  const files = filesOf(project, 'server');
  const program = built(project, 'api/server.js');
  return {
    name: API,
    ...files,
    marker: `${program} `,
    command: process.execPath,
    args: [program],
    cwd: project,
    env: environmentFor(files),
  };
};

/** @param metricsPort where it answers probes, if a METRICS_PORT is set: each process of a machine has a port of its own */
const supervised = (
  project: string,
  name: string,
  file: string,
  program: Pick<Program, 'name' | 'args' | 'execArgv'>,
  metricsPort: number | undefined,
): SupervisedProcess => {
  const files = filesOf(project, file);
  const { pidFile, logFile } = files;
  const folder = program.name;
  const worker = built(project, `${folder}/worker.js`);
  const marker = (of: string) => [of, ...program.args, ''].join(' ');
  return {
    name,
    file,
    ...files,
    marker: marker(worker),
    // Each had a supervisor of its own.
    earlierMarker: marker(built(project, `${folder}/supervisor.js`)),
    program: {
      ...program,
      file: worker,
      env: {
        ...environmentFor(files),
        ORDERS_PID_FILE: pidFile,
        ...(metricsPort && { METRICS_PORT: `${metricsPort}` }),
      },
      pidFile,
      logFile,
    },
  };
};

/**
 * Consumer number `number`, from 1.
 * @param metricsPort METRICS_PORT, which is the API's; the hub has the next one, and consumers those after it
 */
export const consumerProcess = (project: string, number: number, metricsPort?: number): SupervisedProcess =>
  supervised(
    project,
    `consumer ${number}`,
    `worker_${number}`,
    { name: 'consumer', args: [`${number}`], execArgv: deliveryArguments },
    metricsPort && metricsPort + 1 + number,
  );

export const hubProcess = (project: string, metricsPort?: number): SupervisedProcess =>
  supervised(project, 'the hub', 'hub', { name: 'hub', args: [] }, metricsPort && metricsPort + 1);

/** What a supervisor keeps running under this name; undefined if there is no such process. */
export const supervisedProcess = (
  project: string,
  file: string,
  metricsPort?: number,
): SupervisedProcess | undefined => {
  if (file === 'hub') return hubProcess(project, metricsPort);
  const number = file.match(/^worker_(\d+)$/)?.[1];
  return number === undefined ? undefined : consumerProcess(project, Number(number), metricsPort);
};

const supervisor = (project: string, file: string, words: string[]): StartedProcess => {
  const program = built(project, 'ops/supervisor.js');
  return {
    name: 'the supervisor',
    pidFile: join(project, `${file}.pid`),
    logFile: join(project, '.data', `${file}.log`),
    marker: `${program} `,
    command: process.execPath,
    args: [program, ...words],
    cwd: project,
    env: process.env,
    getsLock: true,
  };
};

/**
 * A supervisor of these processes. There is one, and another one for what is started later, as a consumer that somebody
 * has ended: nobody can tell a supervisor what else to start.
 */
export const supervisorOf = (
  project: string,
  processes: SupervisedProcess[],
  metricsPort?: number,
): StartedProcess => {
  const words = [
    ...(metricsPort ? [`--metrics-port=${metricsPort}`] : []),
    ...processes.map(({ file }) => file),
  ];
  for (let number = 1; ; number++) {
    const one = supervisor(project, number === 1 ? 'supervisor' : `supervisor_${number}`, words);
    if (runningPid(one) === undefined) return one;
  }
};

/**
 * Whether a supervisor keeps this process running. If its supervisor was killed, it goes on until the next start; if it is
 * of an earlier release, it is a supervisor itself.
 */
export const isKept = (project: string, one: SupervisedProcess): boolean => {
  const pid = runningPid(one);
  const { marker } = supervisor(project, '', []);
  return pid !== undefined && `${commandLine(parentOf(pid))} `.includes(marker);
};

/**
 * Makes sure that the ports for probes are ports, and not the API's.
 * @throws ConfigError with one sentence
 */
export const checkMetricsPorts = ({ metrics, consumer, api }: Config): void => {
  if (!metrics) return;
  const { port: first } = metrics;
  const last = first + 1 + consumer.count;
  const ports = `METRICS_PORT ${first} and the ports after it up to ${last}, as there are ${consumer.count} consumers`;
  if (last > MAX_PORT)
    throw new ConfigError(`${ports}, must be at most ${MAX_PORT}: set a lower METRICS_PORT.`);
  if (api.port >= first && api.port <= last)
    throw new ConfigError(`${ports}, must be others than PORT ${api.port}: set another METRICS_PORT.`);
};

/**
 * All processes that may be running, by their PID files: also consumers beyond the present WORKER_COUNT. Supervisors
 * come first.
 */
export const foundProcesses = (project: string): ServiceProcess[] => {
  const names = readdirSync(project).flatMap((file) => file.match(/^(.+)\.pid$/)?.[1] ?? []);
  return [
    ...names.filter((name) => /^supervisor(_\d+)?$/.test(name)).map((name) => supervisor(project, name, [])),
    ...(names.includes('server') ? [apiProcess(project)] : []),
    ...names.flatMap((name) => supervisedProcess(project, name) ?? []),
  ];
};
