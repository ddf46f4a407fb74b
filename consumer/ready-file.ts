/** READY_FILE: how scripts and probes see that a consumer gets jobs, whatever LOG_LEVEL is. */
import { rmSync, writeFileSync } from 'node:fs';
import type { Observer } from '../process/observer.ts';

/**
 * Writes the process's id to a file once the consumer has subscribed.
 * @param file undefined where nobody asked for it
 * @throws what keeps the file from being written
 */
export const readyFile = (file: string | undefined): { listener: Partial<Observer>; remove: () => void } => ({
  listener: file === undefined ? {} : { consuming: () => writeFileSync(file, `${process.pid}\n`) },
  remove: () => {
    if (file !== undefined) rmSync(file, { force: true });
  },
});
