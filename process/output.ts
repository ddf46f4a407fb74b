/** Standard output, as the log writes to it. */
import { write, writeSync } from 'node:fs';

const STDOUT = 1;
/** Of lines that cannot be written yet; what comes beyond is lost. */
const MAX_WAITING = 8 * 2 ** 20;
const BUSY_PAUSE_MS = 100;

/**
 * Standard output for lines that nobody waits for: those of one moment are written together, and the last ones when the
 * process exits. A full disk or a reader that has gone costs lines, not the process (pino's own destination, sonic-boom
 * 4, then tries for ever when the process is to exit).
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
