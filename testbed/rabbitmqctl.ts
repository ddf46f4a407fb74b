import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireProgram } from '../ops/private/server.ts';

/** The PID of the private server that runs in a folder. */
export const pidIn = (folder: string): number => Number(readFileSync(join(folder, 'server.pid'), 'utf8'));

/**
 * Runs one of RabbitMQ's tools for a private broker. The broker's own environment tells it where the broker is.
 * @returns what it writes to standard output
 */
export const rabbitmqTool = async (tool: string, folder: string, ...args: string[]): Promise<string> => {
  const variables = readFileSync(`/proc/${pidIn(folder)}/environ`, 'utf8')
    .split('\0')
    .filter(Boolean);
  const env = Object.fromEntries(
    variables.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  return (await promisify(execFile)(requireProgram(tool), args, { env })).stdout;
};

/** Runs rabbitmqctl for a private broker. */
export const rabbitmqctl = (folder: string, ...args: string[]): Promise<string> =>
  rabbitmqTool('rabbitmqctl', folder, ...args);
