/** Lets pieces of work take turns: each begins when the one before it is over. */

export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

export const createTurns = (): InTurn => {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const own = last.then(work);
    last = own.catch(() => {});
    return own;
  };
};
