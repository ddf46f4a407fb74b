/** READY_FILE: how scripts and probes see that a consumer gets jobs, whatever LOG_LEVEL is. */
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from '../process/config.ts';
import type { Observer } from '../process/observer.ts';

/**
 * Writes the process's id to a file once the consumer has subscribed. What a consumer that was killed has left there is
 * removed at once: it says nothing of this one.
 * @param file undefined where nobody asked for it
 * @throws ConfigError where it cannot be written
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
