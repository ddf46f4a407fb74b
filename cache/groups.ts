/** Commands over the keys of several things at once. */
import { isAcrossSlots } from './redis.ts';

const chunksOf = <T>(list: T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));

/**
 * Makes a function that runs a command for groups of things, and, once Redis turns out to be a cluster, where keys of
 * different slots cannot share a command, one by one. What a command did before it failed for that may be done again.
 * @param most how many a group has
 */
export const createGroups = (most: number) => {
  let together = most;
  return async <T>(all: T[], run: (some: T[]) => Promise<unknown>): Promise<void> => {
    const runAll = () => Promise.all(chunksOf(all, together).map(run));
    try {
      await runAll();
    } catch (error) {
      if (!isAcrossSlots(error)) throw error;
      together = 1;
      await runAll();
    }
  };
};
