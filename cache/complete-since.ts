/** Since when there is a pending copy of every write that waits: `orders:since`, microseconds since 1970, for ever. */
import type { Redis } from 'ioredis';
import { keys } from './keys.ts';
import { script } from './redis.ts';

/**
 * KEYS: the time, which it returns. ARGV: the latest that can be, '1' to begin anew. Where there is none, as on a new
 * server or after a flush, or none that can be, copies are complete from now on.
 */
const sinceScript = script(`
local raw = redis.pcall('GET', KEYS[1])
local since = type(raw) == 'string' and tonumber(raw)
if since and since <= tonumber(ARGV[1]) and ARGV[2] ~= '1' then return raw end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('SET', KEYS[1], now)
return now
`);

const asNumber = async (redis: Redis, latest: number, anew: '1' | ''): Promise<number> =>
  Number(await sinceScript(redis, [keys.completeSince], latest, anew));

/** @param latest the greatest time that can be, in microseconds */
export const readCompleteSince = (redis: Redis, latest: number): Promise<number> =>
  asNumber(redis, latest, '');

/** Copies may be missing of what was accepted until now. */
export const beginCompleteSince = (redis: Redis, latest: number): Promise<number> =>
  asNumber(redis, latest, '1');
