import { readFile } from 'node:fs/promises';

/** The PIDs of a process's children: an API's workers, or a supervisor's consumer. Empty if it has just ended. */
export const workersOf = async (pid: number | undefined): Promise<number[]> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children.trim().split(' ').filter(Boolean).map(Number);
};
