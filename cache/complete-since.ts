/** Since when there is a pending copy of every write that waits: `orders:since`, microseconds since 1970, for ever. */
import type { Redis } from 'ioredis';
import { keys } from './keys.ts';
import { script } from './script.ts';

const sinceScript = script('complete-since');

const asNumber = async (redis: Redis, latest: number, anew: '1' | ''): Promise<number> =>
  Number(await sinceScript(redis, [keys.completeSince], latest, anew));

/** @param latest the greatest time that can be, in microseconds */
export const readCompleteSince = (redis: Redis, latest: number): Promise<number> =>
  asNumber(redis, latest, '');

/** Copies may be missing of what was accepted until now. */
export const beginCompleteSince = (redis: Redis, latest: number): Promise<number> =>
  asNumber(redis, latest, '1');
