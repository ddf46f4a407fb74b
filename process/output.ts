/**
 * Where lines are written: standard output, or the file of a log. Several processes may share it, and what each writes
 * must stay whole lines. A file takes each write whole, but a pipe, as a container's, only so many bytes: of a longer
 * write it takes a part and then another process's (pipe(7)). So lines are written to it in pieces of that length.
 */
import { fstatSync, write, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Place } from './log-file.ts';

const STDOUT = 1;
/** PIPE_BUF on Linux, and what POSIX lets it be elsewhere at the least. */
const PIPE_BYTES = process.platform === 'linux' ? 4_096 : 512;
/** How many characters of lines may wait to be written; lines beyond that are lost. */
const MAX_WAITING = 8 * 2 ** 20;
const BUSY_PAUSE_MS = 100;
const LINE_END = 10;

const writeSome = promisify(write);

const stdout: Place = {
  descriptor: () => STDOUT,
  get isFile() {
    try {
      return fstatSync(STDOUT).isFile();
    } catch {
      return false;
    }
  },
};

/** Cuts whole lines into pieces of at most PIPE_BYTES. A line that is longer is a piece of its own. */
const piecesOf = (bytes: Buffer, { isFile }: Place): Buffer[] => {
  if (isFile) return [bytes];
  const pieces: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const last =
      from + PIPE_BYTES >= bytes.length
        ? bytes.length
        : bytes.lastIndexOf(LINE_END, from + PIPE_BYTES - 1) + 1;
    const end = bytes.indexOf(LINE_END, from) + 1 || bytes.length;
    const to = last > from ? last : end;
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  return pieces;
};

const writeAll = async (bytes: Buffer, descriptor: number): Promise<void> => {
  for (let rest = bytes; rest.length > 0; )
    try {
      rest = rest.subarray((await writeSome(descriptor, rest)).bytesWritten);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await sleep(BUSY_PAUSE_MS);
    }
};

/** Writes pieces, and takes each out of the list as soon as it is its turn. */
const writePieces = async (pieces: Buffer[], place: Place): Promise<void> => {
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) await writeAll(piece, place.descriptor());
};

/**
 * Writes whole lines to standard output.
 * @throws the system's error if the disk is full or the reader has gone
 */
export const writeLines = (lines: string): Promise<void> =>
  writePieces(piecesOf(Buffer.from(lines), stdout), stdout);

/**
 * Opens standard output, or another place, for lines that nobody waits for. Lines of one moment are written together, the last ones when
 * the process exits. If the disk is full or the reader has gone, lines are lost but the process goes on. (With pino's
 * own destination, sonic-boom 4, it would then try for ever when it has to exit.)
 */
export const openOutput = (place: Place = stdout) => {
  let waiting = '';
  let pieces: Buffer[] = [];
  let scheduled = false;

  const flush = async (): Promise<void> => {
    while (waiting !== '') {
      await place.settle?.();
      pieces = piecesOf(Buffer.from(waiting), place);
      waiting = '';
      await writePieces(pieces, place).catch(() => {});
    }
    scheduled = false;
  };
  const flushAtExit = () => {
    try {
      for (const piece of [...pieces, ...piecesOf(Buffer.from(waiting), place)])
        writeSync(place.descriptor(), piece);
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
