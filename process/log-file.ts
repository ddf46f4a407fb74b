/**
 * The file of a log, to which several processes append whole lines. It may be moved away under them, by logrotate or by
 * the process that keeps it small: within a second, or at once on SIGHUP, each writes to the file that has its name then.
 */
import { closeSync, fstatSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ConfigError } from './config-error.ts';

/** When a log is moved away, and how many of those before are kept. */
export interface Rotation {
  /** 0: never. */
  maxBytes: number;
  files: number;
}

/** Where lines are written to. */
export interface Place {
  descriptor(): number;
  /** Whether a write of any length is taken whole, also if others write there. */
  isFile: boolean;
  /** To be called between two writes: it may change the descriptor. */
  settle?(): Promise<void>;
}

const LOOK_MS = 1_000;
const OWNER_ONLY = 0o600;

const openForAppending = (file: string): number => openSync(file, 'a', OWNER_ONLY);

/**
 * Opens the file of a log.
 * @throws ConfigError if it cannot be written
 */
export const openLogFile = (file: string): Place => {
  let descriptor: number;
  try {
    descriptor = openForAppending(file);
  } catch (error) {
    throw new ConfigError(
      `LOG_FILE must be a file that can be written: ${error instanceof Error ? error.message : error}.`,
    );
  }
  let looked = performance.now();
  process.on('SIGHUP', () => {
    looked = Number.NEGATIVE_INFINITY;
  });

  const isThere = async (): Promise<boolean> => {
    const own = fstatSync(descriptor);
    return stat(file).then(
      ({ ino, dev }) => ino === own.ino && dev === own.dev,
      () => false,
    );
  };
  return {
    isFile: true,
    descriptor: () => descriptor,
    settle: async () => {
      if (performance.now() - looked < LOOK_MS) return;
      looked = performance.now();
      if (await isThere()) return;
      try {
        const next = openForAppending(file);
        closeSync(descriptor);
        descriptor = next;
      } catch {
        // Its folder is gone, or may not be written: lines are kept in the file that was moved away.
      }
    },
  };
};

/**
 * Gives a log the name `<file>.1`, that one the name `<file>.2`, and so on. The file beyond `files` is removed.
 * @throws the system's error
 */
const rotate = (file: string, files: number): void => {
  rmSync(`${file}.${files}`, { force: true });
  const moves = Array.from({ length: files - 1 }, (_, i) => files - 1 - i);
  for (const number of moves)
    try {
      renameSync(`${file}.${number}`, `${file}.${number + 1}`);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  renameSync(file, `${file}.1`);
};

/**
 * Moves a log away whenever it is too large. One process does that for all that write to it.
 * @param report is called with a sentence if it cannot be moved, once until it can be again
 * @returns what ends that
 */
export const keepSmall = (
  file: string,
  { maxBytes, files }: Rotation,
  report: (sentence: string) => void,
): (() => void) => {
  if (maxBytes === 0) return () => {};
  let fails = false;
  const look = () => {
    try {
      const found = statSync(file, { throwIfNoEntry: false });
      if (found?.isFile() && found.size >= maxBytes) rotate(file, files);
      fails = false;
    } catch (error) {
      if (!fails)
        report(
          `${file} cannot be moved away (${error instanceof Error ? error.message : error}), so it grows.`,
        );
      fails = true;
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return () => clearInterval(timer);
};
