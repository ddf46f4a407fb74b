import { readFile } from 'node:fs/promises';

/** The PIDs of the children: an API primary's workers, a supervisor's consumer. Empty where it has just ended. */
export const workersOf = async (pid: number | undefined): Promise<number[]> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children.trim().split(' ').filter(Boolean).map(Number);
};
