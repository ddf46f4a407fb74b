/**
 * Limits how much cache a process has in Redis: at no time more than so many bytes that have not expired. Redis keeps
 * promises in the same memory (pending copies, answers to Idempotency-Keys), and cache must not push these out.
 */

/** About how much memory Redis takes for a key in addition to its value. */
const BYTES_PER_KEY = 150;

/**
 * A budget of bytes in Redis.
 * @param maxBytes how many bytes all values that have not expired may have; expired ones may count for a second longer
 * @param now a clock in milliseconds
 */
export const createBudget = (maxBytes: number, now: () => number = () => performance.now()) => {
  /** How many bytes expire in each second. */
  const expiring = new Map<number, number>();
  let total = 0;

  return {
    /**
     * Whether there is room for a value of so many bytes that lives so many milliseconds. If there is, it is counted.
     */
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
