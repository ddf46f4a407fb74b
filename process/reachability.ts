/** Tells when a server is lost and when it is back, once for each change. */
import type { Observer } from './observer.ts';

/** How many reasons of one outage are told at most: a server may answer something else each time. */
const MAX_REASONS = 10;

/**
 * Tells when a server is reached for the first time, when it is lost, when it is back, and each reason that keeps it
 * away. Each is told once, however often it is reported.
 * @param server how the log names it
 * @returns `up` and `down`, to be called whenever the server was or was not reached
 */
export const reachability = (observer: Observer, server: string) => {
  let reached: boolean | undefined;
  const reasons = new Set<string>();
  return {
    /** @param at which of several hosts answers */
    up: (at?: string) => {
      if (reached !== true) observer.serverReached({ server, again: reached !== undefined, at });
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
