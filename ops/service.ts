/** The service's own processes: where their PID files and logs are, and how each is started. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Start } from './processes.ts';

export interface ServiceProcess extends Start {
  /** Its name in messages. */
  name: string;
  /** A file that it writes when it is at work, if no request can ask it whether it is. */
  readyFile?: string;
}

const serviceProcess = (project: string, name: string, file: string, words: string[]) => ({
  name,
  command: process.execPath,
  args: words,
  marker: `${words.join(' ')} `,
  pidFile: join(project, `${file}.pid`),
  logFile: join(project, `${file}.log`),
  cwd: project,
  env: process.env,
});

/** The API's primary process; its workers are in its process group. */
export const apiProcess = (project: string): ServiceProcess =>
  serviceProcess(project, 'the API', 'server', [join(project, 'dist/api/server.js')]);

/** A supervisor. What it keeps running is in its process group, shares its log, and writes a file once it is at work. */
const supervisor = (
  project: string,
  name: string,
  file: string,
  folder: string,
  words: string[] = [],
): ServiceProcess => {
  const program = join(project, 'dist', folder, 'supervisor.js');
  const common = serviceProcess(project, name, file, [program, ...words]);
  const readyFile = join(project, '.data', `${file}.ready`);
  return { ...common, readyFile, env: { ...common.env, READY_FILE: readyFile } };
};

/** Consumer number `number`, from 1. */
export const consumerProcess = (project: string, number: number): ServiceProcess =>
  supervisor(project, `consumer ${number}`, `worker_${number}`, 'consumer', [`${number}`]);

export const hubProcess = (project: string): ServiceProcess => supervisor(project, 'the hub', 'hub', 'hub');

/** All processes that may be running, by their PID files: also consumers beyond the present WORKER_COUNT. */
export const foundProcesses = (project: string): ServiceProcess[] =>
  readdirSync(project).flatMap((file) => {
    if (file === 'server.pid') return [apiProcess(project)];
    if (file === 'hub.pid') return [hubProcess(project)];
    const number = file.match(/^worker_(\d+)\.pid$/)?.[1];
    return number ? [consumerProcess(project, Number(number))] : [];
  });
