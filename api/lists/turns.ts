/** Lets only so many callers do something at a time, in the order in which they came. */

/** @param most how many have a turn at the same time */
export const createTurns = (most: number) => {
  let taken = 0;
  const waiting = new Set<() => void>();

  const giveBack = () => {
    const [next] = waiting;
    if (next === undefined) taken--;
    else next();
  };

  return {
    /**
     * Waits for a turn.
     * @returns a function that gives the turn back; it must be called once
     * @throws the signal's reason, if it is aborted before the turn has come
     */
    take: (signal: AbortSignal): Promise<() => void> =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        if (taken < most) {
          taken++;
          return resolve(giveBack);
        }
        const leave = () => {
          waiting.delete(begin);
          signal.removeEventListener('abort', giveUp);
        };
        const begin = () => {
          leave();
          resolve(giveBack);
        };
        const giveUp = () => {
          leave();
          reject(signal.reason);
        };
        waiting.add(begin);
        signal.addEventListener('abort', giveUp);
      }),
  };
};
