/** How the log writes to standard output. */
import { write, writeSync } from 'node:fs';

const STDOUT = 1;
/** How many characters of lines may wait to be written; lines beyond that are lost. */
const MAX_WAITING = 8 * 2 ** 20;
const BUSY_PAUSE_MS = 100;

/**
 * Opens standard output for lines that nobody waits for. Lines of one moment are written together, the last ones when
 * the process exits. If the disk is full or the reader has gone, lines are lost but the process goes on. (With pino's
 * own destination, sonic-boom 4, it would then try for ever when it has to exit.)
 */
export const openOutput = () => {
  let waiting = '';
  let scheduled = false;

  const writeOut = (bytes: Buffer) => {
    write(STDOUT, bytes, (error, written) => {
      const rest = bytes.subarray(written);
      if (error?.code === 'EAGAIN') setTimeout(writeOut, BUSY_PAUSE_MS, bytes);
      else if (!error && rest.length > 0) writeOut(rest);
      else flush();
    });
  };
  const flush = () => {
    scheduled = waiting !== '';
    if (!scheduled) return;
    writeOut(Buffer.from(waiting));
    waiting = '';
  };
  const flushAtExit = () => {
    try {
      writeSync(STDOUT, waiting);
    } catch {
      // There is nobody left to tell.
    }
  };
  let written = false;
  return {
    write: (line: string): void => {
      if (!written) process.on('exit', flushAtExit);
      written = true;
      if (waiting.length < MAX_WAITING) waiting += line;
      if (!scheduled) setImmediate(flush);
      scheduled = true;
    },
  };
};
