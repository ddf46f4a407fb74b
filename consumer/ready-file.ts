/** READY_FILE: it shows scripts and probes that a consumer gets jobs, whatever LOG_LEVEL is. */
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';

/**
 * Writes the process's id to a file once the consumer has subscribed. If a consumer that was killed has left a file, it
 * is removed at once, as it says nothing about this one.
 * @param file its path; undefined if nobody asked for one
 * @returns the listener that writes the file, and a function that removes it
 * @throws ConfigError if the file cannot be written
 */
export const readyFile = (file: string | undefined): { listener: Partial<Observer>; remove: () => void } => {
  if (file === undefined) return { listener: {}, remove: () => {} };
  const remove = () => rmSync(file, { force: true });
  try {
    remove();
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : error;
    throw new ConfigError(`READY_FILE must be a file that can be written, got ${file} (${reason}).`);
  }
  return { listener: { consuming: () => writeFileSync(file, `${process.pid}\n`) }, remove };
};
