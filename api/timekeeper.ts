/** Keeping to Redis's clock, unless that is the one that is wrong. */
import type { Cache } from '../cache/cache.ts';
import type { Orm } from '../db/client.ts';
import { readTime } from '../db/time.ts';
import { type Clock, MAX_AHEAD } from '../domain/versions.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Log } from '../process/log.ts';

const MYSQL_WITHIN_MS = 500;

const sayings = {
  agree: 'the clocks agree again',
  'Redis is wrong': "Redis's clock is more than a minute from this machine's and is not followed",
  'own is wrong':
    "this machine's clock is more than a minute from those of Redis and MySQL, which are followed",
} as const;

/**
 * Of two clocks that differ by more than a minute nobody knows which is wrong. MySQL's decides: with Redis's it
 * outvotes this machine's, and without it nothing changes.
 * @returns asks Redis for the time, and says in the log when clocks begin to differ and when they agree again.
 *   Never rejects.
 */
export const timekeeper = (clock: Clock, cache: Cache, orm: Orm, log: Log) => {
  let state: keyof typeof sayings = 'agree';
  const say = (now: typeof state, redis: number): void => {
    if (now === state) return;
    state = now;
    const line = { ahead_s: Math.round((redis - Date.now() * 1000) / 1e6) };
    if (now === 'agree') log.info(line, sayings[now]);
    else log.error(line, sayings[now]);
  };
  const agrees = async (redis: number): Promise<boolean> => {
    const mysql = await withDeadline(readTime(orm), MYSQL_WITHIN_MS).catch(() => Number.NaN);
    return Math.abs(mysql - redis) <= MAX_AHEAD;
  };

  return async (): Promise<void> => {
    const asked = performance.now();
    const elapsed = () => performance.now() - asked;
    const time = await cache.time();
    if (time === null) return;
    if (clock.keepTo(time, elapsed)) return say('agree', time);
    if (!(await agrees(time))) return say('Redis is wrong', time);
    clock.keepTo(time, elapsed, true);
    say('own is wrong', time);
  };
};
