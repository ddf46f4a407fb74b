/** Writes the access log's lines to a file. */
import { appendFile } from 'node:fs/promises';
import { writeLines } from '../../process/output.ts';

export type AccessLog = {
  /** Adds one line, given without its line end. Never throws and never waits. */
  write(line: string): void;
  /** Resolves when every line is written or has been lost. */
  close(): Promise<void>;
};

/** Stays below the 512 KiB beyond which Node splits a write, and so perhaps a line, whatever characters are in it. */
const CHUNK_CHARACTERS = 128 * 1024;
/** 8 MiB: some seconds of a stalled disk under full load. */
const MAX_CHUNKS = 64;

/**
 * Opens the access log. It collects lines and appends them, always whole ones, at least once a second, so several
 * processes can share the file. It opens the file anew for each append: if the file was moved away, the next lines
 * create it again without a signal, and if its folder was missing, writing goes on once the folder is back.
 * @param file a path, or `-` for standard output
 * @param report is called once, with a sentence, when lines begin to be lost (a full disk, no permission). Losing lines
 *   never stops the service.
 */
export const openAccessLog = (
  file: string,
  report: (sentence: string) => void = console.error,
): AccessLog => {
  const append = file === '-' ? writeLines : (text: string) => appendFile(file, text);
  const chunks: string[] = [''];
  let writing: Promise<void> | undefined;
  let losing = false;

  const lose = (reason: string) => {
    if (!losing)
      report(`The access log loses lines (${reason}): check ACCESS_LOG_FILE and the disk it is on.`);
    losing = true;
  };
  const writeChunks = async () => {
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      try {
        await append(chunk);
        losing = false;
      } catch (error) {
        lose(error instanceof Error ? error.message : String(error));
      }
    }
    writing = undefined;
  };
  const flush = (): Promise<void> | undefined => {
    if (chunks.length > 0) writing ??= writeChunks();
    return writing;
  };

  // Creates the file, so that a wrong path is reported at the start.
  flush();
  const timer = setInterval(flush, 1000).unref();
  return {
    write(line) {
      const last = chunks.at(-1);
      if (last !== undefined && last.length < CHUNK_CHARACTERS)
        chunks[chunks.length - 1] = `${last}${line}\n`;
      else if (chunks.length < MAX_CHUNKS) chunks.push(`${line}\n`);
      else lose('it cannot be written as fast as requests come');
      if (chunks.length > 1) flush();
    },
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
};
