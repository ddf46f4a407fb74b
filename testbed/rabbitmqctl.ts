/** What an administrator does with a private broker. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../ops/packages.ts';
import { requireProgram } from '../ops/private/server.ts';

/** The PID of the private server that runs in a folder. */
export const pidIn = (folder: string): number => Number(readFileSync(join(folder, 'server.pid'), 'utf8'));

/** The broker's own environment, which tells a tool where the broker is. */
const environmentOf = (folder: string): NodeJS.ProcessEnv => {
  const variables = readFileSync(`/proc/${pidIn(folder)}/environ`, 'utf8')
    .split('\0')
    .filter(Boolean);
  return Object.fromEntries(
    variables.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
};

/**
 * Runs one of RabbitMQ's tools for a private broker.
 * @returns what it writes to standard output
 */
export const rabbitmqTool = async (tool: string, folder: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)(requireProgram(tool), args, { env: environmentOf(folder) })).stdout;

/**
 * Lets a private broker evaluate Erlang, by erl_call(1) where that is installed, as it is with Debian's Erlang:
 * rabbitmqctl starts an Erlang of its own, which takes a second of CPU.
 * @param expressions are separated by commas
 * @throws Error if one fails
 */
export const evaluate = async (folder: string, expressions: string): Promise<void> => {
  const erlCall = findProgram('erl_call');
  if (!erlCall) {
    await rabbitmqTool('rabbitmqctl', folder, 'eval', `${expressions}.`);
    return;
  }
  const env = environmentOf(folder);
  // Two that call at the same time under one name shut each other out.
  const name = `tests_${randomUUID()}`;
  const args = ['-h', name, '-sname', env.RABBITMQ_NODENAME ?? '', '-e'];
  const called = promisify(execFile)(erlCall, args, { env });
  called.child.stdin?.end(`${expressions}.\n`);
  const { stdout } = await called;
  if (!stdout.startsWith('{ok, ')) throw new Error(`RabbitMQ evaluates ${expressions} to ${stdout}`);
};

const binary = (text: string): string => `<<${JSON.stringify(text)}/utf8>>`;
const BY = binary('tests');

/** What rabbitmqctl has RabbitMQ do, as Erlang for `evaluate`, which fails if RabbitMQ refuses it. */
export const erlang = {
  addUser: (name: string, password: string) =>
    `ok = rabbit_auth_backend_internal:add_user(${binary(name)}, ${binary(password)}, ${BY})`,
  changePassword: (name: string, password: string) =>
    `ok = rabbit_auth_backend_internal:change_password(${binary(name)}, ${binary(password)}, ${BY})`,
  /** @param permissions patterns of what the user may configure, write and read */
  setPermissions: (name: string, permissions: string[], vhost = '/') =>
    `ok = rabbit_auth_backend_internal:set_permissions(${[name, vhost, ...permissions].map(binary)}, ${BY})`,
  setUserLimits: (name: string, limits: object) =>
    `ok = rabbit_auth_backend_internal:set_user_limits(${binary(name)}, ${binary(JSON.stringify(limits))}, ${BY})`,
  clearUserLimits: (name: string) =>
    `ok = rabbit_auth_backend_internal:clear_user_limits(${binary(name)}, <<"all">>, ${BY})`,
  addVhost: (name: string) => `ok = rabbit_vhost:add(${binary(name)}, ${BY})`,
  setVhostLimits: (vhost: string, limits: object) =>
    `ok = rabbit_vhost_limit:parse_set(${binary(vhost)}, ${binary(JSON.stringify(limits))}, ${BY})`,
  clearVhostLimits: (vhost: string) => `ok = rabbit_vhost_limit:clear(${binary(vhost)}, ${BY})`,
  closeConnections: (reason: string) =>
    `ok = rabbit_networking:close_all_connections(${JSON.stringify(reason)})`,
  closeUserConnections: (name: string, reason: string) =>
    `ok = rabbit_networking:close_all_user_connections(${binary(name)}, ${JSON.stringify(reason)})`,
  /** @param share of the machine's memory; with less than it uses it takes no messages */
  setMemoryLimit: (share: number) =>
    `ok = vm_memory_monitor:set_vm_memory_high_watermark(${share.toFixed(5)})`,
  setVariable: (name: string, value: number) => `ok = application:set_env(rabbit, ${name}, ${value})`,
};
