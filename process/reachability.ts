/** Telling of a server that is lost and back, once a change. */
import type { Observer } from './observer.ts';

/** How many reasons of one outage are told: what a server answers may differ each time. */
const MAX_REASONS = 10;

/**
 * Tells when a server is reached for the first time, lost, and back, and each reason that keeps it away: once, however
 * often it is reported.
 * @param server how the log names it
 */
export const reachability = (observer: Observer, server: string) => {
  let reached: boolean | undefined;
  const reasons = new Set<string>();
  return {
    up: () => {
      if (reached !== true) observer.serverReached({ server, again: reached !== undefined });
      reached = true;
      reasons.clear();
    },
    down: (error: unknown) => {
      const reason = error instanceof Error ? error.message || error.name : String(error);
      const isNew = !reasons.has(reason) && reasons.size < MAX_REASONS;
      if (reached === true) observer.serverLost({ server, before: 'reached', reason });
      else if (reached === undefined) observer.serverLost({ server, before: 'unknown', reason });
      else if (isNew) observer.serverLost({ server, before: 'lost', reason });
      if (isNew) reasons.add(reason);
      reached = false;
    },
  };
};
