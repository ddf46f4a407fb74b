/**
 * The time since which every write that waits has a pending copy. It is in `orders:since`, in microseconds since 1970,
 * and does not expire.
 */
import type { Redis } from 'ioredis';
import { keys } from './keys.ts';
import { script } from './script.ts';

const sinceScript = script('complete-since');

const asNumber = async (redis: Redis, latest: number, anew: '1' | ''): Promise<number> =>
  Number(await sinceScript(redis, [keys.completeSince], latest, anew));

/**
 * Reads the time since which copies are complete; if there is none, they are complete from now on.
 * @param latest the greatest time that can be, in microseconds since 1970; a greater one is taken for none
 * @returns microseconds since 1970
 * @throws the error of Redis
 */
export const readCompleteSince = (redis: Redis, latest: number): Promise<number> =>
  asNumber(redis, latest, '');

/** Notes that copies are complete only from now on: those of earlier writes may be missing. Otherwise as above. */
export const beginCompleteSince = (redis: Redis, latest: number): Promise<number> =>
  asNumber(redis, latest, '1');
