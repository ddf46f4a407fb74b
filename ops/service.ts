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

/** The supervisor of consumer number `number`, from 1. The consumer is in its process group and shares its log. */
export const consumerProcess = (project: string, number: number): ServiceProcess => {
  const program = join(project, 'dist/consumer/supervisor.js');
  const common = serviceProcess(project, `consumer ${number}`, `worker_${number}`, [program, `${number}`]);
  const readyFile = join(project, '.data', `worker_${number}.ready`);
  return { ...common, readyFile, env: { ...common.env, READY_FILE: readyFile } };
};

/** The supervisor of the hub, which is in its process group and shares its log. */
export const hubProcess = (project: string): ServiceProcess => {
  const common = serviceProcess(project, 'the hub', 'hub', [join(project, 'dist/hub/supervisor.js')]);
  const readyFile = join(project, '.data', 'hub.ready');
  return { ...common, readyFile, env: { ...common.env, READY_FILE: readyFile } };
};

/** All processes that may be running, by their PID files: also consumers beyond the present WORKER_COUNT. */
export const foundProcesses = (project: string): ServiceProcess[] =>
  readdirSync(project).flatMap((file) => {
    if (file === 'server.pid') return [apiProcess(project)];
    if (file === 'hub.pid') return [hubProcess(project)];
    const number = file.match(/^worker_(\d+)\.pid$/)?.[1];
    return number ? [consumerProcess(project, Number(number))] : [];
  });
