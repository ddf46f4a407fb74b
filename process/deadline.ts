/** Puts time limits on waiting. */

/** An answer took longer than the caller was willing to wait. Why it did is not known. */
export class DeadlineError extends Error {
  constructor(ms: number) {
    super(`No answer within ${ms} ms.`);
    this.name = 'DeadlineError';
  }
}

/**
 * Waits for work, but not for ever.
 * @param ms how long to wait, in milliseconds
 * @returns what `work` resolves with
 * @throws whatever `work` throws, or DeadlineError if it takes longer. Then the work goes on and its result is dropped.
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
