/** Keeps a process to Redis's clock, unless Redis's clock is the wrong one. */
import type { Cache } from '../cache/cache.ts';
import type { Orm } from '../db/client.ts';
import { readTime } from '../db/time.ts';
import { type Clock, MAX_AHEAD } from '../domain/versions.ts';
import { withDeadline } from '../process/deadline.ts';
import type { Observer } from '../process/observer.ts';

const MYSQL_WITHIN_MS = 500;

/** Which clock is wrong, if any. */
type State = 'agree' | 'redis' | 'own';

/**
 * If Redis's clock and this process's differ by more than a minute, nobody can tell from these two which one is wrong.
 * MySQL's clock decides: if it agrees with Redis's, the process follows Redis; if not, or if MySQL does not answer,
 * the process keeps its own time.
 * @returns a function that asks Redis for the time, and tells the observer when the clocks begin to differ and when
 *   they agree again. It never rejects.
 */
export const timekeeper = (clock: Clock, cache: Cache, orm: Orm, observer: Observer) => {
  let state: State = 'agree';
  const say = (now: State, redis: number): void => {
    if (now === state) return;
    state = now;
    const aheadSeconds = Math.round((redis - Date.now() * 1000) / 1e6);
    if (now === 'agree') observer.clocksAgree({ aheadSeconds });
    else observer.clocksDiffer({ wrong: now, aheadSeconds });
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
    if (!(await agrees(time))) return say('redis', time);
    clock.keepTo(time, elapsed, true);
    say('own', time);
  };
};
