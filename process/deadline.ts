/** Waiting no longer than one is willing to. */

/** Something took longer than the one who waited for it was willing to wait. It says nothing of the reason. */
export class DeadlineError extends Error {
  constructor(ms: number) {
    super(`No answer within ${ms} ms.`);
    this.name = 'DeadlineError';
  }
}

/**
 * @param ms how long to wait
 * @throws DeadlineError when `work` takes longer; the work itself goes on and its result is dropped
 */
export const withDeadline = async <T>(work: Promise<T>, ms: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(ms)), ms);
  });
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    clearTimeout(timer);
  }
};
