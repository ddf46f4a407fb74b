/** Finds the documents that the service serves. */
import { readFile } from 'node:fs/promises';

/**
 * Reads a file of the project.
 * @param path from the project's folder, or in a build from dist/, which has the same files (package.json). It goes by
 *   the folder above this file, so that bundled programs find the file too.
 */
export const readDocument = (path: string): Promise<Buffer> =>
  readFile(new URL(`../${path}`, import.meta.url));

/** The same of a file that only the build makes, by its path in dist/: where the source runs, it is in the build beside it. */
export const readBuilt = (path: string): Promise<Buffer> =>
  readDocument(path).catch(() => readDocument(`dist/${path}`));
