/**
 * How much a process puts into Redis as cache: never more within its times to live than so many bytes. What Redis keeps
 * as a promise (pending copies, answers to Idempotency-Keys) shares its memory with that, and must not be pushed out.
 */

/** About what Redis takes for a key beside its value. */
const BYTES_PER_KEY = 150;

/** @param maxBytes of all that is alive at once; what has expired counts for a second longer at the most */
export const createBudget = (maxBytes: number, now: () => number = () => performance.now()) => {
  /** Bytes by the second in which they expire. */
  const expiring = new Map<number, number>();
  let total = 0;

  return {
    /** Whether there is room for a value of so many bytes and milliseconds; then it counts. */
    take: (bytes: number, ttlMs: number): boolean => {
      const second = Math.floor(now() / 1_000);
      for (const [end, expired] of expiring)
        if (end < second) {
          expiring.delete(end);
          total -= expired;
        }
      const size = bytes + BYTES_PER_KEY;
      if (total + size > maxBytes) return false;
      const end = Math.floor((now() + ttlMs) / 1_000);
      expiring.set(end, (expiring.get(end) ?? 0) + size);
      total += size;
      return true;
    },
  };
};
export type Budget = ReturnType<typeof createBudget>;
