/** READY_FILE: it shows scripts and probes that a process is at work, whatever LOG_LEVEL is. */
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from './config-error.ts';

/**
 * Prepares a file for the id of this process. If a process that was killed has left one, it is removed at once, as it
 * says nothing about this one.
 * @param file its path; undefined if nobody asked for one
 * @returns functions that write the file and remove it
 * @throws ConfigError if the file cannot be written
 */
export const readyFile = (file: string | undefined): { write: () => void; remove: () => void } => {
  if (file === undefined) return { write: () => {}, remove: () => {} };
  const remove = () => rmSync(file, { force: true });
  try {
    remove();
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : error;
    throw new ConfigError(`READY_FILE must be a file that can be written, got ${file} (${reason}).`);
  }
  return { write: () => writeFileSync(file, `${process.pid}\n`), remove };
};
