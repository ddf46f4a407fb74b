/** The output of the scripts. */

/**
 * Lets a script go on with its work if its output cannot be written, because the reader is gone, as in
 * `./start_services.sh | head -4`, or the disk is full. Without this the error would end the process in the middle.
 */
export const outliveReaders = (): void => {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
};
