/**
 * PID files of what is kept running. Whoever started the process that the file names has the program: if another process
 * is named, or the file is gone, he starts it no more.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Whether a PID file names a process. */
export const isNamedIn = (file: string, pid: number): boolean => read(file) === `${pid}\n`;

/** @param file the PID file; undefined if nobody asked for one, so that nobody else can have the program */
export const createClaim = (file: string | undefined) => {
  let text = '';
  const holds = (): boolean => file === undefined || read(file) === text;
  return {
    /**
     * Names a new process in the file.
     * @param undo is called if that is not possible
     * @throws the system's error
     */
    make: (pid: number, undo: () => void): void => {
      if (file === undefined) return;
      try {
        // Whoever reads it sees one id or the other.
        writeFileSync(`${file}.new`, `${pid}\n`);
        renameSync(`${file}.new`, file);
        text = `${pid}\n`;
      } catch (error) {
        undo();
        throw error;
      }
    },
    holds,
    /** Removes the file, unless it names a process of somebody else. */
    giveUp: (): void => {
      if (file !== undefined && holds()) rmSync(file, { force: true });
    },
  };
};
