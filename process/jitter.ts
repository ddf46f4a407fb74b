/** About so many milliseconds, a fifth more or less, so that those who wait alike do not come back in step. */
export const jittered = (ms: number): number => ms * (0.8 + Math.random() * 0.4);
