/** What the scripts print, and whoever reads it. */

/**
 * A reader that goes away, as in `./start_services.sh | head -4`, or a disk without room for what is printed costs lines,
 * not what the script does: without this, the error ends the process in the middle of it.
 */
export const outliveReaders = (): void => {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
};
