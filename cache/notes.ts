/** What consumers note of how far they are, in a short stream for each queue (queue/notes.ts says what for). */
import { keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** Enough for some hundred consumers. */
const KEPT = 1_000;

/** None of the methods rejects. With CACHE_DISABLED nothing is noted. */
export const consumerNotes = ({ attempt }: RedisLink) => ({
  time: (): Promise<number | null> =>
    attempt(async (redis) => {
      const [seconds, microseconds] = await redis.time();
      return Number(seconds) * 1e6 + Number(microseconds);
    }, null),

  add: (queue: string, { consumer, time }: { consumer: string; time: number }): Promise<unknown> =>
    attempt(
      (redis) =>
        redis.xadd(keys.consumers(queue), 'MAXLEN', '~', KEPT, '*', 'consumer', consumer, 'time', time),
      null,
    ),

  since: (queue: string, time: number): Promise<{ consumer: string; time: number }[]> =>
    attempt(async (redis) => {
      const entries = await redis.xrange(keys.consumers(queue), `${Math.floor(time / 1000)}`, '+');
      return entries.map(([, [, consumer = '', , at]]) => ({ consumer, time: Number(at) }));
    }, []),
});
