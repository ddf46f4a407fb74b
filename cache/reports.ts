/** What the observer is told of a link to Redis. */
import type { Observer } from '../process/observer.ts';
import { isRefusal, isTimeout, reasonOf } from './redis.ts';

/** Tells the observer of each change of a link once. A link that was lost and then refuses is a change too. */
export const createReports = (observer: Observer, server: string) => {
  let reached: boolean | undefined;
  let refused = false;
  return {
    serves: () => {
      observer.serverReached({ server, again: reached !== undefined });
      reached = true;
      refused = false;
    },
    fails: (error: unknown) => {
      const before = reached;
      if (before === false && (refused || !isRefusal(error))) return;
      reached = false;
      refused = isRefusal(error);
      if (isTimeout(error)) observer.serverSilent({ server });
      else if (isRefusal(error)) observer.serverRefuses({ server, reason: reasonOf(error) });
      else {
        const reason = error instanceof Error ? error.message || error.name : String(error);
        observer.serverLost({ server, before: before ? 'reached' : 'unknown', reason });
      }
    },
  };
};
