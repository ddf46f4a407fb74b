/** The service's own processes: where their PID files and logs are, and how each is started. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../process/config.ts';
import { ConfigError } from '../process/config-error.ts';
import type { Start } from './processes.ts';

const MAX_PORT = 65_535;

export interface ServiceProcess extends Start {
  /** Its name in messages. */
  name: string;
  /** A file that it writes when it is at work: the API once all its workers listen. */
  readyFile: string;
}

const serviceProcess = (project: string, name: string, file: string, words: string[]): ServiceProcess => {
  const readyFile = join(project, '.data', `${file}.ready`);
  const logFile = join(project, `${file}.log`);
  return {
    name,
    command: process.execPath,
    args: words,
    marker: `${words.join(' ')} `,
    pidFile: join(project, `${file}.pid`),
    logFile,
    readyFile,
    cwd: project,
    // It opens its log itself, so that the file may be moved away. What ends it is there too, from standard error.
    env: { ...process.env, READY_FILE: readyFile, LOG_FILE: logFile },
  };
};

/** The API's name in messages. */
export const API = 'the API';

/** The API's primary process; its workers are in its process group. */
export const apiProcess = (project: string): ServiceProcess =>
  serviceProcess(project, API, 'server', [join(project, 'dist/api/server.js')]);

interface Supervised {
  folder: string;
  words?: string[];
  /** Where it answers probes, if a METRICS_PORT is set: each process of a machine has a port of its own. */
  metricsPort: number | undefined;
}

/** A supervisor. What it keeps running is in its process group, shares its log, and writes the file once it is at work. */
const supervisor = (
  project: string,
  name: string,
  file: string,
  { folder, words = [], metricsPort }: Supervised,
): ServiceProcess => {
  const program = join(project, 'dist', folder, 'supervisor.js');
  const common = serviceProcess(project, name, file, [program, ...words]);
  return { ...common, env: { ...common.env, ...(metricsPort && { METRICS_PORT: `${metricsPort}` }) } };
};

/**
 * Consumer number `number`, from 1.
 * @param metricsPort METRICS_PORT, which is the API's; the hub has the next one, and consumers those after it
 */
export const consumerProcess = (project: string, number: number, metricsPort?: number): ServiceProcess =>
  supervisor(project, `consumer ${number}`, `worker_${number}`, {
    folder: 'consumer',
    words: [`${number}`],
    metricsPort: metricsPort && metricsPort + 1 + number,
  });

export const hubProcess = (project: string, metricsPort?: number): ServiceProcess =>
  supervisor(project, 'the hub', 'hub', { folder: 'hub', metricsPort: metricsPort && metricsPort + 1 });

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

/** All processes that may be running, by their PID files: also consumers beyond the present WORKER_COUNT. */
export const foundProcesses = (project: string): ServiceProcess[] =>
  readdirSync(project).flatMap((file) => {
    if (file === 'server.pid') return [apiProcess(project)];
    if (file === 'hub.pid') return [hubProcess(project)];
    const number = file.match(/^worker_(\d+)\.pid$/)?.[1];
    return number ? [consumerProcess(project, Number(number))] : [];
  });
