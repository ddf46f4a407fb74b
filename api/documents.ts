/** Finds the documents that the service serves. */
import { readFile } from 'node:fs/promises';

/**
 * Reads a file of the project.
 * @param path from the project's folder, or in a build from dist/, which has the same files (package.json). It goes by
 *   the folder above this file, so that bundled programs find the file too.
 */
export const readDocument = (path: string): Promise<Buffer> =>
  readFile(new URL(`../${path}`, import.meta.url));
